"""In which order frames are drawn: a function of the seed and of the number of the draw. There is nothing to save.

A dataset is gone through in epochs. In each its episodes are shuffled and cut into windows of a few, and the frames of
a window are shuffled among themselves: so an episode is opened once an epoch, not once a frame. Datasets are mixed in
periods of 10,000 draws, of which each has its share exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from depthvla.runtime import seeds

PERIOD = 10_000


class FrameOrder:
    """The order of one dataset's frames.

    Args:
        lengths: int64 ``[E]``, frames of each episode; those of length 0 are never drawn.
        window: episodes that are shuffled together.
    """

    def __init__(self, lengths: NDArray[np.int64], window: int, seed: int) -> None:
        self.total = int(lengths.sum())
        self._lengths, self._window, self._seed = lengths, window, seed
        self._used = np.flatnonzero(lengths)
        # Memory of what was worked out last, not state: the same draw gives the same frame in any order.
        self._epoch = lru_cache(maxsize=2)(self._shuffle_episodes)
        self._frames = lru_cache(maxsize=4)(self._shuffle_frames)

    def at(self, draw: int) -> tuple[int, int]:
        """Episode and frame of a draw."""
        epoch, place = divmod(draw, self.total)
        _, starts = self._epoch(epoch)
        window = int(np.searchsorted(starts, place, side="right")) - 1
        episodes, ends, frames = self._frames(epoch, window)
        frame = int(frames[place - int(starts[window])])
        which = int(np.searchsorted(ends, frame, side="right"))
        return int(episodes[which]), frame - int(ends[which] - self._lengths[episodes[which]])

    def _shuffle_episodes(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The episodes in the order of this epoch, and the place at which each window begins."""
        order = np.random.default_rng(seeds.number(self._seed, "episodes", epoch)).permutation(self._used)
        before = np.concatenate([[0], np.cumsum(self._lengths[order])[:-1]])
        return order, before[:: self._window]

    def _shuffle_frames(
        self, epoch: int, window: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The episodes of a window, where each ends among its frames, and the order of these."""
        order, _ = self._epoch(epoch)
        episodes = order[window * self._window : (window + 1) * self._window]
        ends = np.cumsum(self._lengths[episodes])
        random = np.random.default_rng(seeds.number(self._seed, "frames", epoch, window))
        return episodes, ends, random.permutation(int(ends[-1]))


class MixedOrder:
    """Which dataset a draw is from, and the how-manieth of that dataset it is.

    Args:
        weights: of the datasets, of any sum; kept to a ten-thousandth of it.

    Raises:
        ValueError: when a weight is not above 0, or less than a ten-thousandth of all.
    """

    def __init__(self, weights: Sequence[float], seed: int) -> None:
        self.shares = _shares(weights)
        self._seed = seed
        self._period = lru_cache(maxsize=4)(self._shuffle)

    def at(self, draw: int) -> tuple[int, int]:
        period, place = divmod(draw, PERIOD)
        which, number = self._period(period)
        dataset = int(which[place])
        return dataset, period * int(self.shares[dataset]) + int(number[place])

    def _shuffle(self, period: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each place of a period its dataset, and how often that came before."""
        which = np.repeat(np.arange(len(self.shares)), self.shares)
        which = np.random.default_rng(seeds.number(self._seed, "datasets", period)).permutation(which)
        number = np.empty(PERIOD, np.int64)
        for dataset, share in enumerate(self.shares):
            number[which == dataset] = np.arange(share)
        return which, number


def _shares(weights: Sequence[float]) -> NDArray[np.int64]:
    """Whole draws of a period for each dataset: the largest remainders are rounded up."""
    w = np.asarray(weights, np.float64)
    if not len(w) or not (np.isfinite(w) & (w > 0)).all():
        raise ValueError(f"weights are {list(weights)}, expected numbers above 0")
    exact = w / w.sum() * PERIOD
    shares: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    shares[np.argsort(shares - exact, kind="stable")[: PERIOD - int(shares.sum())]] += 1
    if not shares.all():
        raise ValueError(f"weights are {list(weights)}: one is below a ten-thousandth of all")
    return shares
