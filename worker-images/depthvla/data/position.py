"""A position in a row of samples: a number, and a fingerprint of all that decides which sample has which number."""

from __future__ import annotations

from collections.abc import Mapping

from depthvla.runtime.config import Json
from depthvla.runtime.failure import DATA_ERROR, WorkerError


def position(step: int, digest: str) -> dict[str, Json]:
    """What to save to go on from a step."""
    return {"step": step, "mixture": digest}


def resume(saved: Mapping[str, Json], digest: str) -> int:
    """The step of a saved position.

    Raises:
        WorkerError: MIXTURE_CHANGED when the data, the weights or the seed are others.
    """
    if saved.get("mixture") != digest:
        raise WorkerError(
            "MIXTURE_CHANGED",
            "the saved position is of another mixture: its datasets, weights, window or seed were others",
            hint="go on with the data that training began with, or begin anew",
            exit_code=DATA_ERROR,
        )
    return int(str(saved["step"]))
