"""AdamW (Loshchilov & Hutter 2019), and which weights it decays and hurries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from depthvla.runtime.failure import CONFIG, WorkerError

BETAS = (0.9, 0.95)


def make_optimizer(
    model: nn.Module, *, lr: float, weight_decay: float, pretrained: Sequence[str] = (), pretrained_lr: float = 1.0
) -> torch.optim.AdamW:
    """AdamW over the weights that are trained, in up to four groups, each with the factor `scale` of its learning rate.

    Only matrices that multiply decay: pulling norms, biases, embeddings and gains to 0 is no regularisation.

    Args:
        pretrained: paths of modules, such as `vlm` or `vlm.encoder`, whose learning rate is `pretrained_lr` times the
            others'.

    Raises:
        WorkerError: PART_UNKNOWN.
    """
    root = _root(model)
    slow = {id(p) for part in pretrained for p in _part(root, part).parameters()}
    matrices = {id(m.weight) for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for p in model.parameters():
        if p.requires_grad:
            groups.setdefault((id(p) in matrices, id(p) in slow), []).append(p)
    made: list[dict[str, Any]] = [
        {"params": ps, "weight_decay": weight_decay if decays else 0.0, "scale": pretrained_lr if is_slow else 1.0}
        for (decays, is_slow), ps in sorted(groups.items(), key=lambda g: g[0])
    ]
    return torch.optim.AdamW(made, lr=lr, betas=BETAS, fused=True)


def schedule(step: int, *, warmup: int, steps: int, floor: float) -> float:
    """The learning rate of a step as a part of its peak: linear warm-up, then a cosine down to the floor."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    way = (step - warmup) / max(1, steps - warmup)
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * way))


def _root(model: nn.Module) -> nn.Module:
    """The model itself, where what is trained only wraps it."""
    children = list(model.children())
    return _root(children[0]) if len(children) == 1 and not list(model.parameters(recurse=False)) else model


def _part(root: nn.Module, path: str) -> nn.Module:
    try:
        return root.get_submodule(path)
    except AttributeError as error:
        there = ", ".join(name for name, _ in root.named_children())
        raise WorkerError(
            "PART_UNKNOWN", f"pretrained: this model has no part {path!r}",
            hint=f"its parts are {there}, and what is in them, as `part.name`", exit_code=CONFIG,
        ) from error  # fmt: skip
