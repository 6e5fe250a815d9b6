"""Where autocast alone doesn't decide in which precision something is computed."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def as_computed(x: Tensor) -> Tensor:
    """In what autocast computes products in, if it is on: tokens go through all layers in that, as in openpi. Otherwise
    one float32 position that was added to them would make them float32 from there on."""
    device = x.device.type
    return x.to(torch.get_autocast_dtype(device)) if _has_autocast(device) and torch.is_autocast_enabled(device) else x


def in_float32(linear: nn.Linear, x: Tensor) -> Tensor:
    """The last product, whatever came before it: bfloat16 has three digits, too few for metres and velocities."""
    with torch.autocast(x.device.type, enabled=False) if _has_autocast(x.device.type) else nullcontext():
        return F.linear(x.float(), linear.weight.float(), None if linear.bias is None else linear.bias.float())


def _has_autocast(device: str) -> bool:
    """Shapes alone (meta) have none."""
    return bool(torch.amp.is_autocast_available(device))
