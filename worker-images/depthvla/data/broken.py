"""One way of saying that a dataset on disk is not what it should be."""

from __future__ import annotations

from pathlib import Path

from depthvla.runtime.failure import DATA_ERROR, WorkerError


class BrokenData(WorkerError):
    """A file or folder that is not what its format says, and what is wrong with it."""

    def __init__(self, path: Path, problem: str, hint: str | None = None) -> None:
        super().__init__("DATA_BROKEN", f"{path}: {problem}", hint=hint, exit_code=DATA_ERROR)
        self.path = path
        self.problem = problem


def broken(path: Path, problem: str, hint: str | None = None) -> BrokenData:
    """The error for a file or folder: ``problem`` says which field is wrong, what was found, what was expected."""
    return BrokenData(path, problem, hint)


def unreadable(path: Path, error: OSError) -> BrokenData:
    """The error for a file that the system doesn't hand out."""
    return BrokenData(path, "no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error))
