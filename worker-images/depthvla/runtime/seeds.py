"""Every random number is drawn from (seed, step, what for): there is no state that a resume could lose."""

from __future__ import annotations

import hashlib

import torch


def number(*parts: int | str) -> int:
    """A seed of 63 bits from whatever names a draw; independent of process and platform."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little") >> 1


def generator(*parts: int | str) -> torch.Generator:
    return torch.Generator().manual_seed(number(*parts))


def part(size: int, rank: int, world: int) -> slice:
    """The rows of a global batch that a rank takes: all of them together are the batch, whatever the world."""
    return slice(size * rank // world, size * (rank + 1) // world)
