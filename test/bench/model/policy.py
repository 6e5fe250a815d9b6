"""DepthVLA beside the same model without its depth expert: what an action chunk and a training step cost.

Prints one JSON object. Weights are random: what is measured depends on shapes alone. Rounds alternate between the two
models, in one process, so that whatever else the machine does meets both alike.

    policy.py latency|step|memory PRESET ROUNDS SEED [full|without]
"""

from __future__ import annotations

import json
import platform
import resource
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from depthvla.losses import flow, silog
from depthvla.model.config import ModelConfig
from depthvla.model.depthvla import DepthVLA
from depthvla.model.flow import interpolate
from depthvla.model.observation import Observation
from depthvla.model.presets import PRESETS, Preset

VARIANTS = ("full", "without")
"""The model, and the same one without a depth expert."""
STEP_BATCH, DRAWS = 4, 4


def config_of(preset: Preset, variant: str) -> ModelConfig:
    whole = PRESETS[preset]
    return whole if variant == "full" else replace(whole, depth=None)


def device_of() -> torch.device:
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def precision_of(device: torch.device) -> torch.dtype:
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def in_precision(device: torch.device) -> AbstractContextManager[object]:
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()


def observe(c: ModelConfig, batch: int, device: torch.device) -> Observation:
    images = torch.randint(0, 256, (batch, c.cameras, c.image, c.image, 3), dtype=torch.uint8)
    words = torch.randint(1, c.text.vocabulary, (batch, c.text.length))
    return Observation(images.to(device), words.to(device), torch.randn(batch, c.state).to(device))


def timed(run: Callable[[], object], device: torch.device) -> float:
    """Milliseconds."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) * 1000


def chunk(model: DepthVLA, device: torch.device) -> Callable[[], object]:
    """One action chunk of one observation: prefix and ten flow steps."""
    c = model.config
    seen, noise = observe(c, 1, device), torch.randn(1, c.horizon, c.actions, device=device)

    def run() -> object:
        with torch.inference_mode(), in_precision(device):
            return model.act(seen, noise)

    return run


def step(model: DepthVLA, device: torch.device) -> Callable[[], object]:
    """Forward, backward and AdamW of one batch with both losses."""
    c = model.config
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    seen = observe(c, STEP_BATCH, device)
    depth = torch.rand(STEP_BATCH, c.image, c.image, device=device) + 0.5
    actions = torch.randn(STEP_BATCH, c.horizon, c.actions, device=device)
    noise = torch.randn(STEP_BATCH, DRAWS, c.horizon, c.actions, device=device)
    when = torch.rand(STEP_BATCH, DRAWS, device=device)
    noisy, wanted = interpolate(actions, noise, when)
    keep = torch.ones(STEP_BATCH, c.horizon, dtype=torch.bool, device=device)
    has = torch.ones(STEP_BATCH, c.actions, dtype=torch.bool, device=device)

    def run() -> object:
        with in_precision(device):
            prefix = model.prefix(seen)
            loss = flow(model.velocity(prefix, noisy, when), wanted, keep, has) / keep.sum()
            if prefix.log_depth is not None:
                loss = loss + silog(prefix.log_depth, depth) / STEP_BATCH
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        return None

    return run


def compare(
    what: Callable[[DepthVLA, torch.device], Callable[[], object]], preset: Preset, rounds: int
) -> dict[str, list[float]]:
    """Milliseconds of each round, by variant."""
    device = device_of()
    runs = {}
    for variant in VARIANTS:
        with device:
            model = DepthVLA(config_of(preset, variant))
        runs[variant] = what(model, device)
    for run in runs.values():
        for _ in range(2):
            run()
    took: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    for i in range(rounds):
        for variant in VARIANTS if i % 2 else reversed(VARIANTS):
            took[variant].append(timed(runs[variant], device))
    return took


def flops(what: str, preset: Preset, variant: str) -> int:
    """Of one run, counted by PyTorch on shapes alone: products of matrices and attention."""
    with torch.device("meta"):
        model = DepthVLA(config_of(preset, variant))
        counter = FlopCounterMode(display=False)
        with counter:
            (chunk if what == "latency" else step)(model, torch.device("meta"))()
    return counter.get_total_flops()


def memory(preset: Preset, variant: str) -> dict[str, float]:
    """Bytes of one process that answers with one chunk: the weights, and the peak (on a GPU: of its memory)."""
    device = device_of()
    torch.set_default_dtype(precision_of(device))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with device:
        model = DepthVLA(config_of(preset, variant))
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    with torch.inference_mode():
        c = model.config
        seen = replace(observe(c, 1, device), state=torch.randn(1, c.state, device=device))
        model.act(seen, torch.randn(1, c.horizon, c.actions, device=device))
    if device.type == "cuda":
        return {"weights": weights, "peak": torch.cuda.max_memory_allocated()}
    return {"weights": weights, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before}


def main(what: str, preset: Preset, rounds: int, seed: int, variant: str) -> None:
    torch.manual_seed(seed)
    device = device_of()
    on = torch.cuda.get_device_name(0) if device.type == "cuda" else platform.machine()
    body: dict[str, object] = {
        "torch": torch.__version__, "device": device.type, "on": on, "threads": torch.get_num_threads(),
        "precision": str(precision_of(device)).removeprefix("torch."),
    }  # fmt: skip
    if what == "memory":
        body["bytes"] = memory(preset, variant)
    else:
        took = compare(chunk if what == "latency" else step, preset, rounds)
        body["ms"] = took
        body["flops"] = {name: flops(what, preset, name) for name in VARIANTS}
    print(json.dumps(body))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] if len(sys.argv) > 5 else "")  # type: ignore[arg-type]
