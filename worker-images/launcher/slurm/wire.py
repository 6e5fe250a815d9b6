"""Lines of JSON between the batch step and the tasks on the nodes, by standard input and output of srun.

Slurm carries them itself: no port to open, nothing to wait for on a shared file system, and the end of the input tells
a task that its batch step, or its node's daemon, is gone.

A task says: hello (`address`, `port`, `trouble`), clock (`now`), met (`unreached`, `trouble`), tried (`trouble`), beat,
end (`cause`, `bad`). It is told: clock, meet (`token`, `peers`), try (`address`, `port`), start (`address`, `port`),
signal (`number`), giveUp, leave.
"""

import os

from launcher.quick import Json, dump_json, read_json

Message = dict[str, Json]

# Slurm hands on lines of up to 1024 bytes whole; longer ones could be mixed with those of other nodes.
LONGEST = 1000


class Lines:
    """Cuts what comes from a file descriptor into messages."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._rest = b""

    def read(self) -> list[Message] | None:
        """What can be read without waiting, when there is something; None at the end."""
        data = os.read(self.fd, 1 << 16)
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [message for line in lines if (message := _parse(line)) is not None]


def pack(message: Message) -> bytes:
    return f"{dump_json(message)}\n".encode()


def shorten(text: str, most: int = 600) -> str:
    """As much of a text as fits into a line beside the rest of a message, when written as JSON."""
    while len(dump_json(text)) > most:
        text = f"{text[: len(text) * 3 // 4]}…"
    return text


def _parse(line: bytes) -> Message | None:
    """None for what something else has printed: a module system, a container's start."""
    try:
        message = read_json(line.decode())
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
