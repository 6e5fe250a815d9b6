"""Puts saved weights into a model: all of them, each where it belongs, or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from depthvla.runtime.failure import CONFIG, WorkerError, few

M = TypeVar("M", bound=nn.Module)


def check_weights(model: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
    """Whether the weights are this model's, by name and by shape.

    Args:
        what: whose weights they are, for the error.

    Raises:
        WorkerError: PRESET_MISMATCH, naming the tensors.
    """
    wanted = model.state_dict()
    shapes = [
        f"{name} has shape {list(weights[name].shape)}, expected {list(t.shape)}"
        for name, t in wanted.items()
        if name in weights and weights[name].shape != t.shape
    ]
    missing = [f"{name} is missing" for name in wanted if name not in weights]
    extra = [f"{name} is not one of this model's" for name in weights if name not in wanted]
    if problems := [few(problem) for problem in (shapes, missing, extra) if problem]:
        hint = "these weights are of another preset or variant: use the one that they were trained with"
        raise WorkerError("PRESET_MISMATCH", f"{what}: {'; '.join(problems)}", hint=hint, exit_code=CONFIG)


def copy_weights(model: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
    """Copies weights into a model that is to be trained.

    Raises:
        WorkerError: PRESET_MISMATCH.
    """
    check_weights(model, weights, what)
    model.load_state_dict(dict(weights))


def build(make: Callable[[], M], weights: Mapping[str, Tensor], what: str) -> M:
    """A model that has these very weights as its own: nothing is made first and thrown away, nothing is there twice.

    Raises:
        WorkerError: PRESET_MISMATCH.
    """
    with torch.device("meta"):
        model = make()
    check_weights(model, weights, what)
    model.load_state_dict(dict(weights), assign=True)
    return model.eval()
