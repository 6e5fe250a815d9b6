"""What one GPU holds when a training step needs most."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from depthvla.planning.setup import Setup
from depthvla.planning.weights import ROOT, Unit, units
from depthvla.planning.work import Numerics, work_of

GIB = 1 << 30
CONTEXT = 0.75 * GIB
"""Ours: what CUDA, its libraries and their kernels take before anything is allocated."""
COMMUNICATION = 0.75 * GIB
"""Ours: NCCL's own buffers, where there is more than one GPU."""
MARGIN = 0.05
"""Ours: share of what PyTorch allocates that it can't use, since it is in pieces."""


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    weights: float
    gradients: float
    optimizer: float
    average: float
    copies: float
    """Of weights in bfloat16, which autocast keeps as long as the graph does."""
    gathered: float
    """Of weights that the others have: the largest unit as it comes and as it is used, and what is in no unit."""
    in_flight: float
    """The gradient of the largest unit, on its way to where it is added."""
    activations: float
    working: float
    """While the largest layer is gone through backward: as much again as it keeps."""
    batch: float
    context: float

    @property
    def allocated(self) -> float:
        """By PyTorch."""
        return float(sum(asdict(self).values())) - self.context

    @property
    def margin(self) -> float:
        return MARGIN * self.allocated

    @property
    def total(self) -> float:
        return self.allocated + self.margin + self.context


def numerics(setup: Setup) -> Numerics:
    return Numerics(setup.precision, gathered=setup.shards > 1, attention=setup.attention)


def memory(setup: Setup) -> Memory:
    """Follows `runtime/training.py`, `runtime/sharded.py` and `runtime/distributed.py`."""
    parts = units(setup.config, freeze_depth=setup.freeze_depth)
    work = work_of(setup.config, setup.batch, numerics(setup), freeze_depth=setup.freeze_depth)
    weights = sum(u.weights for u in parts)
    trained = sum(u.weights for u in parts if u.trained)
    shards = setup.shards
    return Memory(
        weights=4 * weights / shards,
        gradients=_gradients(setup, trained),
        optimizer=8 * trained / shards,
        average=4 * trained / shards if setup.ema else 0.0,
        copies=_copies(setup, parts),
        gathered=_gathered(setup, parts),
        in_flight=max(_in_flight(setup, u) for u in parts),
        activations=work.kept(setup.recompute),
        working=work.largest,
        batch=_batch(setup),
        context=CONTEXT + (COMMUNICATION if setup.gpus > 1 else 0),
    )


def _gradients(setup: Setup, trained: int) -> float:
    """Copies on each GPU are added up in one buffer, a second copy. Where the model is cut up, gradients that are still
    to be added to are whole."""
    if setup.shards == 1:
        return 4 * trained * (2 if setup.gpus > 1 else 1)
    return 4 * trained * (1 / setup.shards + (1 if setup.accumulation > 1 else 0))


def _copies(setup: Setup, parts: tuple[Unit, ...]) -> float:
    if setup.precision == "fp32":
        return 0.0
    return 2 * sum(u.products for u in parts if u.trained and (setup.shards == 1 or u.name == ROOT))


def _gathered(setup: Setup, parts: tuple[Unit, ...]) -> float:
    if setup.shards == 1:
        return 0.0
    size = numerics(setup).size
    return 2 * size * max(u.weights for u in parts if u.name != ROOT) + 4 * sum(
        u.weights for u in parts if u.name == ROOT
    )


def _in_flight(setup: Setup, unit: Unit) -> float:
    """In the precision of products, and in float32 to be summed."""
    if not unit.trained:
        return 0.0
    half = 2 if setup.precision == "bf16" and unit.products else 0
    if setup.shards == 1:
        return (4 + half) * unit.largest
    return (4 + numerics(setup).size) * unit.weights


def _batch(setup: Setup) -> float:
    """Pictures as bytes, depth in metres; the rest is small."""
    c, b = setup.config, setup.batch
    depth = 4 * (b.samples * c.depth_cameras + b.scenes) if c.predicts_depth else 0
    return float((3 * (b.samples * c.cameras + b.scenes) + depth) * c.image**2)
