"""What labellers compute in."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from depthvla.labels.labellers.kinds import Precision


def computing_in(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Inside, what gains by it is computed in that precision."""
    return nullcontext() if precision == "float32" else torch.autocast(device.type, torch.bfloat16)
