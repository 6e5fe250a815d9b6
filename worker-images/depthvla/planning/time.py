"""How long a step takes, from operations and bytes."""

from __future__ import annotations

from dataclasses import dataclass

from depthvla.planning.hardware import Gpu
from depthvla.planning.memory import numerics
from depthvla.planning.setup import Setup
from depthvla.planning.weights import ROOT, units
from depthvla.planning.work import work_of


@dataclass(frozen=True)
class Time:
    """Of a step on one GPU: seconds, and what they come from. Reading data is not in it."""

    flops: float
    """Operations, with those that are done again."""
    computing: float
    communicating: float
    updating: float
    overlaps: bool
    """Weights are gathered and gradients added while computing; copies are added up after it."""

    @property
    def total(self) -> float:
        both = (self.computing, self.communicating)
        return (max(both) if self.overlaps else sum(both)) + self.updating


def time(setup: Setup, gpu: Gpu, share: float) -> Time:
    """Args:
    share: of its peak that the GPU reaches.
    """
    work = work_of(setup.config, setup.batch, numerics(setup), freeze_depth=setup.freeze_depth)
    # Backward there are two products for each one forward.
    once = work.flops + 2 * work.trained_flops + (work.again_flops if setup.recompute else 0)
    flops = setup.accumulation * once
    parts = units(setup.config, freeze_depth=setup.freeze_depth)
    trained = sum(u.weights for u in parts if u.trained) / setup.shards
    # Weights and both moments are read and written, gradients read, and the average read and written.
    moved = trained * (8 + 16 + 4 + (8 if setup.ema else 0))
    return Time(
        flops=flops,
        computing=flops / (gpu.peak(setup.precision) * share),
        communicating=_communicating(setup, gpu),
        updating=moved / (1e9 * gpu.bandwidth),
        overlaps=setup.shards > 1,
    )


def _communicating(setup: Setup, gpu: Gpu) -> float:
    """Ring algorithms: of n ranks each sends and receives (n − 1) / n of what is gathered, twice that of what is
    summed for all."""
    parts = units(setup.config, freeze_depth=setup.freeze_depth)
    trained = sum(u.weights for u in parts if u.trained)
    shards, copies = setup.shards, setup.gpus // setup.shards
    seconds = 0.0
    if shards > 1:
        size = numerics(setup).size
        gathered = 2 * setup.accumulation * size * sum(u.weights for u in parts if u.name != ROOT)
        root = 4 * sum(u.weights for u in parts if u.name == ROOT)
        speed = gpu.link if shards <= setup.per_node else gpu.network
        seconds += (gathered + root + 4 * trained) * (shards - 1) / shards / (1e9 * speed)
    if copies > 1:
        speed = gpu.link if setup.gpus <= setup.per_node else gpu.network
        seconds += 2 * 4 * trained / shards * (copies - 1) / copies / (1e9 * speed)
    return seconds
