"""States and actions on one scale: the 1st percentile becomes -1 and the 99th 1, as in openpi, dimension by dimension.

Nothing is cut off: what lies outside the percentiles lies outside [-1, 1]. openpi adds 1e-6 to the distance between
them; here a dimension that hardly moves is told apart instead, since 1e-6 would make its rarest value a million.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depthvla.data.statistics import Spread, Statistics

STILL = 1e-4
"""A dimension that moves by less, in its own unit, stands still."""


@dataclass(frozen=True)
class Normalisation:
    """The scales of a policy. They belong to it as its weights do: `digest` is the SHA-256 of the statistics."""

    statistics: Statistics

    @property
    def digest(self) -> str:
        return self.statistics.digest

    def state(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """``[…, S]`` in the dataset's units -> normalised."""
        return to_unit(x, self.statistics.mixture.state)

    def action(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """``[…, A]`` in the dataset's units -> normalised."""
        return to_unit(x, self.statistics.mixture.action)

    def action_back(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """``[…, A]`` normalised -> the dataset's units."""
        return from_unit(x, self.statistics.mixture.action)


def to_unit(x: NDArray[np.float32], spread: Spread) -> NDArray[np.float32]:
    """``[…, D]`` so that the 1st percentile becomes -1 and the 99th 1."""
    middle, half = _scale(spread)
    return np.asarray((x - middle) / half, np.float32)


def from_unit(x: NDArray[np.float32], spread: Spread) -> NDArray[np.float32]:
    """The inverse of `to_unit`."""
    middle, half = _scale(spread)
    return np.asarray(x * half + middle, np.float32)


def _scale(spread: Spread) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What becomes 0, and what lies between it and 1.

    Of a dimension that moves in less than one frame in fifty (a gripper that closes once) that is half its whole range;
    of one that never moves it is 1 of its unit, so that noise isn't blown up.
    """
    low, high = np.array(spread.q01), np.array(spread.q99)
    half, most = (high - low) / 2, (np.array(spread.max) - np.array(spread.min)) / 2
    return (low + high) / 2, np.where(half > STILL, half, np.where(most > STILL, most, 1.0))
