"""Means and spreads that put states and actions on one scale. They belong to a policy as its weights do."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthvla.runtime.failure import WorkerError

FILE = "normalisation.json"
SMALLEST = 0.01
"""A dimension that hardly ever moves is not blown up to look as if it did."""


@dataclass(frozen=True)
class Normalisation:
    """Per dimension: (x − mean) / std. Lists, so that they are written and read without losing a bit."""

    state_mean: list[float]
    state_std: list[float]
    action_mean: list[float]
    action_std: list[float]

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()

    def state(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """``[…, S]`` in the environment's units -> normalised."""
        return np.asarray((x - np.array(self.state_mean)) / np.array(self.state_std), np.float32)

    def action(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """``[…, A]`` in the environment's units -> normalised."""
        return np.asarray((x - np.array(self.action_mean)) / np.array(self.action_std), np.float32)

    def action_back(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """``[…, A]`` normalised -> the environment's units."""
        return np.asarray(x * np.array(self.action_std) + np.array(self.action_mean), np.float32)


def measure(state: NDArray[np.float32], action: NDArray[np.float32]) -> Normalisation:
    """Of all frames: state ``[N, S]``, action ``[N, A]``."""

    def spread(x: NDArray[np.float32]) -> list[float]:
        return [float(v) for v in np.maximum(x.std(axis=0, dtype=np.float64), SMALLEST)]

    def middle(x: NDArray[np.float32]) -> list[float]:
        return [float(v) for v in x.mean(axis=0, dtype=np.float64)]

    return Normalisation(middle(state), spread(state), middle(action), spread(action))


def write(folder: Path, n: Normalisation) -> None:
    (folder / FILE).write_text(json.dumps({**asdict(n), "sha256": n.digest}, indent=2) + "\n")


def read(folder: Path) -> Normalisation:
    """Reads it.

    Raises:
        WorkerError: MODEL_INVALID when it is missing, or was changed since training.
    """
    path = folder / FILE
    try:
        body = json.loads(path.read_text())
        digest = body.pop("sha256")
        n = Normalisation(**body)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkerError("MODEL_INVALID", f"{path} can't be read: {error}") from error
    if n.digest != digest:
        raise WorkerError("MODEL_INVALID", f"{path} is not what the policy was trained with: its hash differs")
    return n
