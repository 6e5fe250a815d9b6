"""What a policy sees at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Observation:
    """A batch of moments; cameras in the order that the model was trained with."""

    images: Tensor
    """uint8 ``[B, C, H, W, 3]``"""
    words: Tensor
    """int64 ``[B, L]``, 0 = padding."""
    state: Tensor
    """``[B, S]``, normalised."""
    present: Tensor | None = None
    """bool ``[B, C]``: which pictures there are; what isn't there is seen by nobody. None: all."""
    depth: Tensor | None = None
    """Measured metres ``[B, D, H, W]`` of the first D cameras, 0 = not measured; only for a model that takes them."""
