"""One way of saying that a dataset on disk is not what it should be."""

from pathlib import Path

from depthvla.runtime.failure import DATA_ERROR, WorkerError


def broken(path: Path, problem: str, hint: str | None = None) -> WorkerError:
    """The error for a file or folder: ``problem`` says which field is wrong, what was found, what was expected."""
    return WorkerError("DATA_BROKEN", f"{path}: {problem}", hint=hint, exit_code=DATA_ERROR)
