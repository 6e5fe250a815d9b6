"""Starts launchers by forking, so that Python isn't started anew for each: ``python -I -S …/launcher/spawner.py``.

Reads a line of JSON for each, ``{"number": 7, "directory": "…", "env": {…}}``. Answers ``7 claimed`` or ``7 taken``,
and ``7 exited 0`` when that launcher has ended. Ends with its standard input; its launchers go on.
"""

import os
import select
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from launcher.launch import main
from launcher.quick import SIGCHLD, Json, block, deliver, read_json, unblock


class Spawner:
    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._signals = deliver(SIGCHLD)
        self._rest = b""

    def serve(self) -> None:
        """Returns at the end of standard input."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self._signals, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._signals:
                    os.read(fd, 4096)
                    self._reap()
                elif not self._read():
                    return

    def _read(self) -> bool:
        data = os.read(0, 1 << 16)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._start(read_json(line.decode()))
        return data != b""

    def _start(self, request: Json) -> None:
        assert isinstance(request, dict)
        number, directory, env = request["number"], request["directory"], request["env"]
        assert isinstance(number, int)
        assert isinstance(directory, str)
        assert isinstance(env, dict)
        # The launcher unblocks it again when it can hear it: it must not write to the pipe that is its parent's.
        block(SIGCHLD)
        pid = os.fork()
        if pid == 0:
            _become_launcher(number, directory, {name: str(value) for name, value in env.items()})
        self._numbers[pid] = number
        unblock(SIGCHLD)

    def _reap(self) -> None:
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                _tell(f"{self._numbers.pop(pid)} exited {os.waitstatus_to_exitcode(status)}")
        except ChildProcessError:
            return


def _become_launcher(number: int, directory: str, env: dict[str, str]) -> None:
    code = 1
    try:
        os.setsid()
        os.closerange(3, 256)
        log = os.open(f"{directory}/launcher.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 2)
        os.close(log)
        os.environ.clear()
        os.environ.update(env)
        code = main([directory], lambda word: _say_last(f"{number} {word}"))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _say_last(line: str) -> None:
    """What comes after is not for the spawner's reader."""
    _tell(line)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)


def _tell(line: str) -> None:
    try:
        os.write(1, f"{line}\n".encode())  # so short that lines of several processes don't mix
    except OSError:  # nobody listens any more
        pass


if __name__ == "__main__":
    Spawner().serve()
    os._exit(0)
