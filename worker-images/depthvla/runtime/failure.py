"""How a worker says that it can't go on."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence


class WorkerError(Exception):
    """A failure with a name. It becomes a `failed` event and an exit code, never a stack trace.

    Args:
        code: stable name, in capitals.
        message: one sentence: what was found, what was expected.
        hint: what to do about it.
        exit_code: 64 to 78 as in sysexits.h for what stays wrong when tried again, 1 for what may go away, 75 for what
            is not the worker's doing (see `BLOCKING`).
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


def is_full(error: BaseException) -> bool:
    """Whether a disk, or a quota, has no room."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return any(f"os error {number})" in str(error) for number in _FULL)  # as Rust's libraries put it


def is_by_full_disk(error: BaseException) -> bool:
    """Whether that is behind an error: libraries raise one of their own while they clean up after it."""
    seen: BaseException | None = error
    while seen is not None:
        if is_full(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def disk_full(what: str) -> WorkerError:
    return WorkerError("DISK_FULL", f"{what}: no space left on the disk", hint="free some space", exit_code=TRY_AGAIN)


def few(problems: Sequence[str], most: int = 3) -> str:
    """The first of them, and how many more there are."""
    more = len(problems) - most
    return ", ".join(problems[:most]) + (f" and {more:,} more" if more > 0 else "")


_FULL = (errno.ENOSPC, errno.EDQUOT)

BLOCKING = frozenset({"STORE_UNREACHABLE", "STORE_DENIED", "STORE_FULL", "DISK_FULL"})
"""Codes of what is wrong around the worker, not with it. A save that fails so is tried again later, while the work goes
on; where nothing can go on without it, the worker leaves with 75, and the control plane places it again when it can."""

USAGE = 64
DATA_ERROR = 65
NO_INPUT = 66
SOFTWARE = 70
CANT_CREATE = 73
IO_ERROR = 74
TRY_AGAIN = 75
CONFIG = 78
