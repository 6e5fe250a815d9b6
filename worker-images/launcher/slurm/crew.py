"""The tasks on all nodes, as the batch step sees them: one srun, from which they all read, and which reads from all."""

import os
import select
import time

from launcher.quick import SIGCHLD, SIGKILL, SIGTERM, Json
from launcher.slurm.wire import Lines, Message, pack


class Gone(Exception):
    """srun has ended, and with it every task that was left."""


class Signalled(Exception):
    """A signal came for the attempt."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Crew:
    """
    Attributes:
        heard: when each node said something last, by the monotonic clock.
        complaints: what srun had to say of itself, the last lines of it.
        deaf_to: signals that nobody is to hear of.
    """

    def __init__(self, command: list[str], count: int, signals: int) -> None:
        """Raises OSError when there is no srun."""
        self.heard = [time.monotonic()] * count
        self.complaints: list[str] = []
        self.deaf_to: tuple[int, ...] = ()
        self._signals = signals
        self._queue: list[Message | int] = []
        theirs_in, self._to = os.pipe()
        out, theirs_out = os.pipe()
        self._errors, theirs_err = os.pipe()
        try:
            self._pid = os.posix_spawnp(
                command[0],
                command,
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, theirs_in, 0),
                    (os.POSIX_SPAWN_DUP2, theirs_out, 1),
                    (os.POSIX_SPAWN_DUP2, theirs_err, 2),
                ],
                setsigmask=[],
            )
        finally:
            for fd in (theirs_in, theirs_out, theirs_err):
                os.close(fd)
        self._lines = Lines(out)
        self._poll = select.poll()
        for fd in (signals, out, self._errors):
            self._poll.register(fd, select.POLLIN)
        self._open = {out, self._errors}

    def tell(self, word: str, **more: Json) -> None:
        try:
            os.write(self._to, pack({"do": word, **more}))
        except OSError:  # srun is gone, which `hear` tells
            pass

    def hear(self, deadline: float) -> Message | None:
        """What a node says next; None at the deadline.

        Raises:
            Gone, Signalled.
        """
        while True:
            if self._queue:
                next_one = self._queue.pop(0)
                if isinstance(next_one, int):
                    raise Signalled(next_one)
                return next_one
            if not self._open:
                raise Gone
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            for fd, _ in self._poll.poll(left * 1000 + 1):
                self._take(fd)

    def silent(self, seconds: float) -> set[int]:
        """Nodes that have said nothing for so long."""
        now = time.monotonic()
        return {node for node, at in enumerate(self.heard) if now - at > seconds}

    def close(self) -> None:
        """Returns when srun has ended; its tasks have ended before, unless their nodes don't answer."""
        os.close(self._to)
        for number, patience in ((0, 2.0), (SIGTERM, 3.0), (SIGKILL, 10.0)):
            if number:
                os.kill(self._pid, number)  # on SIGTERM srun kills what it has started
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                for fd, _ in self._poll.poll(50):
                    if fd != self._signals:
                        self._take(fd)
                if os.waitpid(self._pid, os.WNOHANG)[0]:
                    return

    def _take(self, fd: int) -> None:
        if fd == self._signals:
            self._queue.extend(number for number in os.read(fd, 4096) if number not in (SIGCHLD, *self.deaf_to))
        elif fd == self._errors:
            data = os.read(fd, 1 << 16)
            os.write(2, data)
            self.complaints = [*self.complaints, *data.decode(errors="replace").splitlines()][-50:]
            if not data:
                self._end(fd)
        else:
            messages = self._lines.read()
            if messages is None:
                self._end(fd)
            for message in messages or []:
                node = message.get("node")
                if isinstance(node, int) and node < len(self.heard):
                    self.heard[node] = time.monotonic()
                    self._queue.append({**message, "at": time.time()})

    def _end(self, fd: int) -> None:
        self._open.discard(fd)
        self._poll.unregister(fd)
        os.close(fd)
