"""Random weights to start from."""

from __future__ import annotations

from torch import nn


def initialise(module: nn.Module, layers: int) -> None:
    """Normal weights of variance 1 / inputs; smaller where 2 × layers of them add to the residual stream."""
    for name, part in module.named_modules():
        if not isinstance(part, nn.Linear):
            continue
        std = part.in_features**-0.5
        if name.endswith((".out", ".down")):
            std /= (2 * layers) ** 0.5
        nn.init.normal_(part.weight, std=std)
        if part.bias is not None:
            nn.init.zeros_(part.bias)
