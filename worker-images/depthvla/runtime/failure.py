"""How a worker says that it can't go on."""

from __future__ import annotations

from collections.abc import Callable


class WorkerError(Exception):
    """A failure with a name. It becomes a `failed` event and an exit code, never a stack trace.

    Args:
        code: stable name, in capitals.
        message: one sentence: what was found, what was expected.
        hint: what to do about it.
        exit_code: 64 to 78 as in sysexits.h for what stays wrong when tried again, 1 for what may go away.
    """

    def __init__(self, code: str, message: str, *, hint: str | None = None, exit_code: int = 65) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[Callable[..., WorkerError], tuple[object, ...]]:
        # An exception is pickled by its positional arguments; this one goes between processes with all it says.
        return _made, (self.code, self.message, self.hint, self.exit_code)


def _made(code: str, message: str, hint: str | None, exit_code: int) -> WorkerError:
    return WorkerError(code, message, hint=hint, exit_code=exit_code)


USAGE = 64
DATA_ERROR = 65
NO_INPUT = 66
SOFTWARE = 70
CANT_CREATE = 73
IO_ERROR = 74
TRY_AGAIN = 75
CONFIG = 78
