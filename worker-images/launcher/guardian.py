"""A process that ends the ranks when their launcher was killed: nobody would read their output or record their end."""

import os
import time

from launcher.claim import is_over
from launcher.strays import kill_strays


class Guardian:
    """Waits at the end of a pipe that closes with the launcher, however that ends; costs nothing meanwhile."""

    def __init__(self, directory: str, session: int | None) -> None:
        read, self._write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _guard(read, directory, session)
            finally:
                os._exit(0)
        os.close(read)

    def dismiss(self) -> None:
        try:
            os.write(self._write, b".")
            os.waitpid(self.pid, 0)
        except OSError:  # somebody killed it: it isn't needed any more
            pass


def _guard(pipe: int, directory: str, session: int | None) -> None:
    os.chdir("/")
    os.closerange(0, pipe)  # the lock too: it is for those whom the guardian may have to end
    os.closerange(pipe + 1, 1 << 16)
    if os.read(pipe, 1):
        return
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        kill_strays(directory, session, {os.getpid()})
        if is_over(directory):
            break
        time.sleep(0.005)  # a rank was just being started, and isn't recognisable yet
    try:
        os.unlink(f"{directory}/secrets.json")
    except OSError:
        pass
