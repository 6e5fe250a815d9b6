"""The planner's figures, held to the real model: its weights, operations, and what a forward pass leaves allocated."""

import dataclasses
from collections import Counter
from typing import Any

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from depthvla.model.config import EncoderConfig, ExpertConfig, ModelConfig, TextConfig
from depthvla.model.presets import PRESETS
from depthvla.model.units import units as units_of
from depthvla.planning.measure import loss, make, random_batch
from depthvla.planning.memory import memory
from depthvla.planning.setup import Setup
from depthvla.planning.weights import ROOT, units
from depthvla.planning.work import Batch, Numerics, work_of
from depthvla.runtime.average import Average
from depthvla.runtime.optimizer import make_optimizer
from depthvla.runtime.sharing import Precision
from depthvla.runtime.training import training_state

TINY, SMALL, PAPER = PRESETS["tiny"], PRESETS["small"], PRESETS["paper"]


def changed(config: ModelConfig, **changes: Any) -> ModelConfig:
    return dataclasses.replace(config, **changes)


MIDDLE = changed(
    SMALL, image=56, layers=3, heads=4, head_dim=32, cameras=2, depth_cameras=2, depth_pool=2,
    vlm=ExpertConfig(160, 320), action=ExpertConfig(96, 192), depth=ExpertConfig(128, 256),
    vision=EncoderConfig(14, 96, layers=2, heads=3, mlp=200),
    depth_vision=dataclasses.replace(SMALL.depth_vision, width=128, layers=2, heads=4, mlp=256),
    text=TextConfig("words", 300, 32),
)  # fmt: skip
"""Every kind of part: two encoders with layers, a gain and a class token, one key head, several cameras."""

PAPER_CUT = changed(
    PAPER, layers=2, vision=dataclasses.replace(PAPER.vision, layers=1),
    depth_vision=dataclasses.replace(PAPER.depth_vision, layers=1),
)  # fmt: skip
BATCH = Batch(2, 3, 1)
CONFIGS = {
    **PRESETS,
    "paper, fewer layers": PAPER_CUT,
    "middle": MIDDLE,
    "pi0": changed(MIDDLE, depth=None),
    "no block mask": changed(MIDDLE, block_mask=False),
    "measured depth": changed(TINY, depth_input="measured"),
    "a depth expert of fewer layers": changed(MIDDLE, depth=ExpertConfig(128, 256, layers=2)),
}


def setup(config: ModelConfig, batch: Batch = BATCH, **changes: Any) -> Setup:
    return dataclasses.replace(Setup(config, 1, 1, "replicate", False, "fp32", batch), **changes)


@pytest.mark.parametrize(("name", "freeze"), [*((name, False) for name in CONFIGS), ("middle", True)])
def test_weights_are_those_of_the_real_model_in_each_unit(name: str, freeze: bool) -> None:
    config = CONFIGS[name]
    with torch.device("meta"):
        model = make(setup(config, freeze_depth=freeze)).model
    real = Counter(map(weights, units_of(model)))
    planned = units(config, freeze_depth=freeze)
    assert Counter((u.weights, u.weights if u.trained else 0) for u in planned if u.name != ROOT) == real
    assert (sum(u.weights for u in planned), sum(u.weights for u in planned if u.trained)) == weights(model)
    # Pictures, states and noisy actions have no gradient; and the last products are done in float32.
    ends = ("embed", "state", "noisy", "velocity", "head")
    linear = {n: m for n, m in model.named_modules() if isinstance(m, nn.Linear) and not n.endswith(ends)}
    assert sum(u.products for u in planned) == sum(weights(m)[0] for m in linear.values())


def weights(module: nn.Module | None) -> tuple[int, int]:
    """All, and those that are trained."""
    parameters = [] if module is None else list(module.parameters())
    return sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)


@pytest.mark.parametrize("name", sorted(CONFIGS.keys() - {"small", "paper"}))
def test_operations_are_those_that_pytorch_counts(name: str) -> None:
    scenes = 1 if CONFIGS[name].predicts_depth else 0
    s = setup(CONFIGS[name], Batch(2, 3, scenes))
    meta = torch.device("meta")
    with meta:
        model, batch = make(s), random_batch(s, meta)
        with FlopCounterMode(display=False) as forward:
            found = loss(model, batch, s)
        with FlopCounterMode(display=False) as backward:
            found.backward()  # type: ignore[no-untyped-call]
    work = work_of(s.config, s.batch, Numerics("fp32", gathered=False))
    assert work.flops == forward.get_total_flops()
    # Of what comes in nobody asks for the gradient: a little less than two products for each.
    assert 0.94 * 2 * work.trained_flops <= backward.get_total_flops() <= 2.05 * work.trained_flops


@pytest.mark.parametrize(
    ("name", "precision", "recompute", "tolerance"),
    [
        ("tiny", "fp32", True, 0.01), ("tiny", "bf16", False, 0.02), ("middle", "fp32", False, 0.01),
        ("middle", "fp32", True, 0.01), ("middle", "bf16", False, 0.02), ("middle", "bf16", True, 0.02),
        ("no block mask", "fp32", False, 0.01), ("a depth expert of fewer layers", "fp32", True, 0.01),
    ],
)  # fmt: skip
def test_activations_are_what_a_forward_pass_leaves_allocated(
    name: str, precision: Precision, recompute: bool, tolerance: float
) -> None:
    config = CONFIGS[name]
    s = setup(config, Batch(2, 3, 1 if config.depth else 0), precision=precision, recompute=recompute)
    model, batch = make(s), random_batch(s, torch.device("cpu"))
    loss(model, batch, s)  # what is made once, is made now
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        kept = loss(model, batch, s)
    assert kept.requires_grad
    result = watched.profiler.kineto_results  # type: ignore[union-attr]
    allocated = sum(e.nbytes() for e in result.events() if e.name() == "[memory]")
    work = work_of(config, s.batch, Numerics(precision, gathered=False, device="cpu"))
    copies = (
        [u for u in units(config) if u.trained and (not recompute or u.name == ROOT)] if precision == "bf16" else []
    )
    planned = work.outside + (work.arrives if recompute else work.inside) + 2 * sum(u.products for u in copies)
    assert planned == pytest.approx(allocated, rel=tolerance)


def test_what_training_keeps_between_steps_is_planned_to_the_byte() -> None:
    s = setup(MIDDLE, ema=True)
    model = make(s)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    state = training_state(model, make_optimizer(model, lr=1e-3, weight_decay=0.0), Average(trained, 0.9))
    counters = 4 * len(trained)  # AdamW's steps
    planned = memory(s)
    assert planned.weights + planned.optimizer + planned.average == sum(t.nbytes for t in state.values()) - counters


def test_a_model_of_3_9_billion_fits_on_80_gib_only_if_it_is_shared() -> None:
    alone = memory(setup(PAPER, Batch(1, 4), precision="bf16", recompute=True))
    assert alone.total > 80 * 2**30
    of_32: dict[str, Any] = {"gpus": 32, "per_node": 8, "precision": "bf16"}
    shared = memory(setup(PAPER, Batch(16, 4), sharing="shard", **of_32))
    assert shared.total < 60 * 2**30
    assert shared.optimizer == alone.optimizer / 32
    # Gradients of micro-batches are added up whole, on each GPU.
    added_up = memory(setup(PAPER, Batch(16, 4), sharing="shard", accumulation=2, **of_32))
    assert added_up.gradients - shared.gradients == 4 * sum(u.weights for u in units(PAPER) if u.trained)
    hybrid = memory(setup(PAPER, Batch(16, 4), sharing="hybrid", **of_32))
    assert hybrid.weights == 4 * shared.weights
    again = memory(setup(PAPER, Batch(16, 4), sharing="shard", recompute=True, **of_32))
    assert again.activations < shared.activations / 4
