"""One real training step on a GPU, beside what was planned of it."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext

import torch
from torch import Tensor

from depthvla.losses import flow, silog
from depthvla.model import attention
from depthvla.model.depthvla import DepthVLA
from depthvla.model.observation import Observation
from depthvla.planning.hardware import Gpu
from depthvla.planning.memory import GIB
from depthvla.planning.search import Way
from depthvla.planning.setup import Setup
from depthvla.runtime.average import Average
from depthvla.runtime.failure import CONFIG, WorkerError
from depthvla.runtime.optimizer import make_optimizer
from depthvla.runtime.wrapping import recompute
from depthvla.training.batch import Batch, Moments, Scenes
from depthvla.training.joint import FlowAndDepth, depth_of

WARM_UP = 2
ROUNDS = 5
TOLERANCE = 0.15
"""By how much of it memory may be planned too high; too low is never right."""


def measure(way: Way, gpu: Gpu, *, as_json: bool) -> int:
    """Does some steps of random data and prints what they took. Returns 0 when no more memory was allocated than
    planned, nor much less; 1 otherwise.

    Raises:
        WorkerError: GPU_MISSING.
    """
    if not torch.cuda.is_available():
        raise WorkerError("GPU_MISSING", "--measure: this machine has no GPU that PyTorch can use", exit_code=CONFIG)
    device = torch.device("cuda", 0)
    attention.choose(way.setup.attention, device)
    with device:
        model = make(way.setup)
    batch = random_batch(way.setup, device)
    optimizer = make_optimizer(model, lr=1e-4, weight_decay=0.01)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    average = Average(trained, 0.99) if way.setup.ema else None
    took = []
    for _ in range(WARM_UP + ROUNDS):
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(way.setup.accumulation):
            loss(model, batch, way.setup).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        if average:
            average.follow()
        torch.cuda.synchronize()
        took.append(time.perf_counter() - started)
    seconds = sorted(took[WARM_UP:])[ROUNDS // 2]
    allocated, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    share = way.time.flops / seconds / gpu.peak(way.setup.precision)
    found = {
        "device": torch.cuda.get_device_name(device), "micro_batch_size": round(way.setup.batch.samples),
        "allocated": allocated, "planned": way.memory.allocated, "ratio": way.memory.allocated / allocated,
        "reserved": reserved, "seconds": seconds, "planned_seconds": way.time.total, "share_of_peak": share,
    }  # fmt: skip
    if as_json:
        print(json.dumps(found))
    else:
        print(f"{found['device']}, micro-batch {found['micro_batch_size']}")
        print(
            f"  memory  {allocated / GIB:.2f} GiB allocated, {reserved / GIB:.2f} reserved; "
            f"{way.memory.allocated / GIB:.2f} planned ({found['ratio']:.3f} of it)"
        )
        print(f"  step    {seconds:.3g} s, {share:.1%} of the peak; {way.time.total:.3g} s planned")
    return 0 if allocated <= way.memory.allocated <= allocated * (1 + TOLERANCE) else 1


def make(setup: Setup) -> FlowAndDepth:
    """The model as training has it."""
    model = FlowAndDepth(DepthVLA(setup.config))
    if model.model.depth is not None and setup.freeze_depth:
        model.model.depth.requires_grad_(False)
    if setup.recompute:
        from depthvla.model.units import layers

        recompute(layers(model))
    return model


def random_batch(setup: Setup, device: torch.device) -> Batch:
    """What one GPU carries at once."""
    c, b, k, s = setup.config, round(setup.batch.samples), setup.batch.draws, round(setup.batch.scenes)
    with device:
        actions = (b, k, c.horizon, c.actions)
        seen = Observation(
            torch.randint(256, (b, c.cameras, c.image, c.image, 3), dtype=torch.uint8),
            torch.randint(1, c.text.vocabulary, (b, c.text.length)),
            torch.randn(b, c.state),
            depth=torch.rand(b, c.depth_cameras, c.image, c.image) + 0.5 if c.depth_input == "measured" else None,
        )
        moments = Moments(
            observation=seen, noisy=torch.randn(actions), time=torch.rand(b, k), velocity=torch.randn(actions),
            keep=torch.ones(b, c.horizon, dtype=torch.bool), has=torch.ones(b, c.actions, dtype=torch.bool),
            depth=torch.rand(b, c.depth_cameras, c.image, c.image) + 0.5 if c.predicts_depth else None, weight=None,
        )  # fmt: skip
        pictures = torch.randint(256, (s, c.image, c.image, 3), dtype=torch.uint8)
        return Batch(moments, Scenes(pictures, torch.rand(s, c.image, c.image) + 0.5) if s else None)


def loss(model: FlowAndDepth, batch: Batch, setup: Setup) -> Tensor:
    """Both losses, in the precision of the setup."""
    device = batch.moments.noisy.device.type
    with torch.autocast(device, torch.bfloat16) if setup.precision == "bf16" else nullcontext():
        velocity, log_depth = model(batch)
        m = batch.moments
        total = flow(velocity, m.velocity, m.keep, m.has) / m.keep.sum()
        if log_depth is not None:
            depth, weight = depth_of(m, batch.scenes, log_depth)
            total = total + silog(log_depth, depth, weight=weight) / len(depth)
    return total
