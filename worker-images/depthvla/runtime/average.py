"""A moving average of weights: less noisy than the last ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor


class Average:
    """Exponential moving average of weights, which starts as they are; float32, and cut up as they are.

    Args:
        weights: what training changes in place, by name.
        decay: part of the average that is kept at each step (0.999 looks back some 1,000 steps).
    """

    def __init__(self, weights: Mapping[str, Tensor], decay: float) -> None:
        self.weights, self.decay = weights, decay
        self.kept = {name: w.detach().clone() for name, w in weights.items()}

    @torch.no_grad()
    def follow(self) -> None:
        """After a step."""
        now = [_own(w) for w in self.weights.values()]
        torch._foreach_lerp_([_own(k) for k in self.kept.values()], now, 1.0 - self.decay)

    @torch.no_grad()
    def give(self) -> None:
        """Makes the average the weights."""
        for name, w in self.weights.items():
            w.copy_(self.kept[name])


def _own(t: Tensor) -> Tensor:
    """This rank's part."""
    return t.to_local() if isinstance(t, DTensor) else t
