"""Every random number is drawn from (seed, step, what for): there is no state that a resume could lose."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray


def number(*parts: int | str) -> int:
    """A seed of 63 bits from whatever names a draw; independent of process and platform."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little") >> 1


def generator(*parts: int | str) -> torch.Generator:
    return torch.Generator().manual_seed(number(*parts))


def batch(seed: int, step: int, size: int, count: int) -> NDArray[np.int64]:
    """Which of `count` items make the global batch of a step: epochs of all items, each in an order of its own.

    Returns:
        int64 ``[size]``.
    """
    places = np.arange(step * size, (step + 1) * size)
    out = np.empty(size, np.int64)
    for epoch in np.unique(places // count):
        of = places // count == epoch
        order = np.random.default_rng(number(seed, "epoch", int(epoch))).permutation(count)
        out[of] = order[places[of] % count]
    return out


def part(size: int, rank: int, world: int) -> slice:
    """The rows of a global batch that a rank takes: all of them together are the batch, whatever the world."""
    return slice(size * rank // world, size * (rank + 1) // world)
