"""Measures what states and actions of a mixture are like.

Quantiles are of all frames up to `SAMPLED` of each dataset, and of every n-th frame above that. Of several datasets
each counts as much as its weight says, as it does in training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData
from depthvla.data.mixture import Mixture
from depthvla.data.statistics import Both, Spread, Statistics

SAMPLED = 1_000_000
_LEVELS = (0.01, 0.99)
_UNLIKE, _STILL = 50, 1e-3


def measure_statistics(mixture: Mixture, progress: Callable[[int, int], None] = lambda *_: None) -> Statistics:
    """Read every episode's states and actions, no pictures; broken ones are skipped as in training.

    Args:
        progress: is told of episodes done, and of all.

    Raises:
        WorkerError: DATA_BROKEN when too many are broken.
    """
    total = sum(len(part.source.lengths) for part in mixture.parts)
    done = 0
    tallies: list[tuple[_Tally, _Tally]] = []
    for which, part in enumerate(mixture.parts):
        every = -(-int(part.source.lengths.sum()) // SAMPLED)
        state, action = (_Tally(has, every) for has in mixture.dimensions(which))
        for index in map(int, np.flatnonzero(part.source.lengths)):
            try:
                values = mixture.vectors(which, index)
            except BrokenData as error:
                mixture.skips[which].add(f"episode {index}", error)
                continue
            state.add(values[0])
            action.add(values[1])
            done += 1
            progress(done, total)
        tallies.append((state, action))
    weights = np.array([part.weight for part in mixture.parts])
    names = [part.source.name for part in mixture.parts]
    return Statistics(
        Both(_spread([s for s, _ in tallies], weights), _spread([a for _, a in tallies], weights)),
        {
            name: Both(_spread([state], np.ones(1)), _spread([action], np.ones(1)))
            for name, (state, action) in zip(names, tallies, strict=True)
        },
    )


def unlike_units(statistics: Statistics) -> list[str]:
    """Dimensions in which one dataset reaches so much farther than another that their units may differ: radians and
    degrees are 57 apart, shares and percent 100, metres and millimetres 1,000."""
    said = []
    for field in ("state", "action"):
        spreads = {name: getattr(both, field) for name, both in statistics.datasets.items()}
        for dimension in range(len(next(iter(spreads.values())).q01)):
            # What hardly moves has no scale of its own.
            reach = {
                name: wide
                for name, spread in spreads.items()
                if spread.count[dimension] and (wide := spread.q99[dimension] - spread.q01[dimension]) > _STILL
            }
            if reach and max(reach.values()) > _UNLIKE * min(reach.values()):
                far, near = max(reach, key=reach.__getitem__), min(reach, key=reach.__getitem__)
                said.append(
                    f"{field}, dimension {dimension}: spans {reach[far]:.3g} in {far} and {reach[near]:.3g} in {near}: "
                    f"are they in the same unit?"
                )
    return said


class _Tally:
    """Sums of one dataset, dimension by dimension; memory doesn't grow with its frames beyond `SAMPLED`."""

    def __init__(self, has: NDArray[np.bool_], every: int) -> None:
        self.has, self.every = has, max(1, every)
        self.count = 0
        self.mean = np.zeros(len(has))
        self.squares = np.zeros(len(has))
        self.min = np.full(len(has), np.inf)
        self.max = np.full(len(has), -np.inf)
        self._sample: list[NDArray[np.float32]] = []

    def add(self, values: NDArray[np.float32]) -> None:
        rows = values.astype(np.float64)
        # Chan's way of joining two sets: sums of squares alone lose what is small against the mean.
        count = self.count + len(rows)
        mean = rows.mean(axis=0)
        apart = mean - self.mean
        self.squares += ((rows - mean) ** 2).sum(axis=0) + apart**2 * self.count * len(rows) / count
        self.mean += apart * len(rows) / count
        self.min, self.max = np.minimum(self.min, rows.min(axis=0)), np.maximum(self.max, rows.max(axis=0))
        self._sample.append(values[-self.count % self.every :: self.every].copy())
        self.count = count

    @property
    def sample(self) -> NDArray[np.float32]:
        return np.concatenate(self._sample)


def _spread(tallies: Sequence[_Tally], weights: NDArray[np.float64]) -> Spread:
    """Of several datasets, each as heavy as its weight."""
    out = Spread([], [], [], [], [], [], [])
    samples = [tally.sample if tally.count else None for tally in tallies]
    for dimension in range(len(tallies[0].has)):
        those = [i for i, tally in enumerate(tallies) if tally.has[dimension] and tally.count]
        if not those:
            for values in (out.mean, out.std, out.min, out.max, out.q01, out.q99):
                values.append(0.0)
            out.count.append(0)
            continue
        share = weights[those] / weights[those].sum()
        mean = np.array([tallies[i].mean[dimension] for i in those])
        variance = np.array([tallies[i].squares[dimension] / tallies[i].count for i in those])
        middle = float(share @ mean)
        out.count.append(sum(tallies[i].count for i in those))
        out.mean.append(middle)
        out.std.append(float(np.sqrt(share @ (variance + (mean - middle) ** 2))))
        out.min.append(float(min(tallies[i].min[dimension] for i in those)))
        out.max.append(float(max(tallies[i].max[dimension] for i in those)))
        columns = [sample[:, dimension] for i in those if (sample := samples[i]) is not None]
        heavy = [np.full(len(c), s / len(c)) for c, s in zip(columns, share, strict=True)]
        low, high = _quantiles(np.concatenate(columns), np.concatenate(heavy))
        out.q01.append(low)
        out.q99.append(high)
    return out


def _quantiles(values: NDArray[np.float32], weights: NDArray[np.float64]) -> tuple[float, float]:
    """As numpy's linear ones where all weigh the same."""
    order = np.argsort(values, kind="stable")
    weights = weights[order]
    place = np.cumsum(weights) - weights
    place = place / place[-1] if place[-1] > 0 else place
    low, high = np.interp(_LEVELS, place, values[order].astype(np.float64))
    return float(low), float(high)
