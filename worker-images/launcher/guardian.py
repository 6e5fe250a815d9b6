"""A process that ends the ranks when their launcher was killed: nobody would read their output or record their end."""

import os

from launcher.scratch import remove_scratch
from launcher.strays import kill_strays


class Guardian:
    """Waits at the end of a pipe that closes with the launcher, however that ends; costs nothing meanwhile."""

    def __init__(self, directory: str, marks: list[str], sessions: set[int], lock: int, scratch: str) -> None:
        read, self._write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.chdir("/")
                os.dup2(read, 0)
                os.dup2(lock, 1)  # held until nothing is left: only then is the attempt over
                os.closerange(2, 1 << 16)
                _guard(directory, marks, sessions, scratch)
            finally:
                os._exit(0)
        os.close(read)

    def dismiss(self) -> None:
        try:
            os.write(self._write, b".")
            os.waitpid(self.pid, 0)
        except OSError:  # somebody killed it: it isn't needed any more
            pass


def _guard(directory: str, marks: list[str], sessions: set[int], scratch: str) -> None:
    if os.read(0, 1):
        return
    kill_strays(marks, sessions, {os.getpid()})
    remove_scratch(scratch)
    try:
        os.unlink(f"{directory}/secrets.json")
    except OSError:
        pass
