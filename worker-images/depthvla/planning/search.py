"""Which way of training fits, and which of those is fastest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from depthvla.planning.hardware import Gpu
from depthvla.planning.memory import GIB, Memory, memory
from depthvla.planning.setup import Setup
from depthvla.planning.time import Time, time
from depthvla.runtime.sharing import Sharing

LARGEST = 512
"""Samples that one GPU is ever planned to carry at once."""
AS_FAST = 0.02
"""Ways that differ by less in speed count as equally fast: the simplest of them is recommended."""


@dataclass(frozen=True)
class Way:
    setup: Setup
    memory: Memory
    time: Time
    fits: bool

    @property
    def speed(self) -> float:
        """Samples a second, over all GPUs."""
        return self.setup.batch_size / self.time.total


def look(setup: Setup, gpu: Gpu, share: float) -> Way:
    needed = memory(setup)
    return Way(setup, needed, time(setup, gpu, share), needed.total <= gpu.memory * GIB)


def ways(
    setup: Setup, gpu: Gpu, share: float, *, batch_size: int | None, scenes: float, micro: int | None,
    sharing: Sharing | None, recompute: bool | None,
) -> list[Way]:  # fmt: skip
    """For each way of sharing and of keeping, the fastest that fits; where none does, that with the smallest parts.

    Args:
        setup: what all have in common.
        batch_size: over all GPUs; None: as much as one GPU can carry at once.
        scenes: pictures for the depth loss alone, for each sample.
        micro, sharing, recompute: what is fixed.
    """
    found = []
    for how, again in product(_sharings(setup, sharing), (False, True) if recompute is None else (recompute,)):
        base = replace(setup, sharing=how, recompute=again)
        tried = [look(_carry(base, m, batch_size, scenes), gpu, share) for m in _micros(setup, batch_size, micro)]
        fit = [way for way in tried if way.fits]
        found.append(_largest(fit) if fit else tried[0])
    return found


def best(found: Iterable[Way]) -> Way:
    """Fastest of those that fit; of those as fast, the first. Where none fits, the one that lacks least."""
    found = list(found)
    fit = [way for way in found if way.fits]
    if not fit:
        return min(found, key=lambda way: way.memory.total)
    fastest = max(way.speed for way in fit)
    return next(way for way in fit if way.speed >= fastest * (1 - AS_FAST))


def enough(setup: Setup, gpu: Gpu, share: float) -> int | None:
    """The fewest GPUs, doubling, that have room for a sample at once when they share all; None: not even very many."""
    for gpus in (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        if gpus <= setup.gpus:
            continue
        more = replace(setup, gpus=gpus, sharing="shard", recompute=True, accumulation=1)
        if look(more, gpu, share).fits:
            return gpus
    return None


def _largest(fit: list[Way]) -> Way:
    """Of the fastest, the one that carries most at once: GPUs like large products, more than is counted here."""
    fastest = max(way.speed for way in fit)
    return max((w for w in fit if w.speed >= fastest * (1 - AS_FAST)), key=lambda w: w.setup.batch.samples)


def _sharings(setup: Setup, fixed: Sharing | None) -> Iterator[Sharing]:
    """From the simplest."""
    if setup.gpus == 1:
        yield "replicate"
    elif fixed is not None:
        yield fixed
    else:
        yield "replicate"
        if setup.gpus > setup.per_node:
            yield "hybrid"
        yield "shard"


def _micros(setup: Setup, batch_size: int | None, fixed: int | None) -> list[int]:
    if fixed is not None:
        return [fixed]
    if batch_size is None:
        return [*range(1, 8), *range(8, 64, 4), *range(64, LARGEST + 1, 8)]
    each = batch_size // setup.gpus
    return [m for m in range(1, min(each, LARGEST) + 1) if each % m == 0]


def _carry(setup: Setup, micro: int, batch_size: int | None, scenes: float) -> Setup:
    batch = replace(setup.batch, samples=micro, scenes=micro * scenes)
    accumulation = 1 if batch_size is None else batch_size // (setup.gpus * micro)
    return replace(setup, batch=batch, accumulation=accumulation)
