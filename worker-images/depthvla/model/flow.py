"""Flow matching, as in π0 (arXiv 2410.24164). Time runs from noise (0) to action (1): x(τ) = τ a + (1 − τ) ε, and the
network learns the velocity a − ε."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

STEPS = 10
LATEST = 0.999
"""No τ above it is drawn: with ten Euler steps none is ever asked for."""


def draw_time(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """τ = s (1 − u) with u ~ Beta(1.5, 1): more weight on the noisy end (π0, appendix B). Float32 of `shape`."""
    # The distribution function of Beta(a, 1) is u^a: its inverse needs no rejection, so a draw is one draw.
    u = torch.rand(shape, generator=generator) ** (1 / 1.5)
    return LATEST * (1.0 - u)


def interpolate(actions: Tensor, noise: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """The point on the way and the velocity to learn.

    Args:
        actions: ``[B, H, A]``
        noise: ``[B, K, H, A]``, K draws for each.
        time: ``[B, K]``

    Returns:
        Two of ``[B, K, H, A]``.
    """
    t = time[:, :, None, None]
    a = actions[:, None]
    return t * a + (1.0 - t) * noise, a - noise


def integrate(velocity: Callable[[Tensor, Tensor], Tensor], noise: Tensor, steps: int = STEPS) -> Tensor:
    """Euler's method from noise to action.

    Args:
        velocity: of (x ``[B, H, A]``, τ ``[B]``).
        noise: ``[B, H, A]``
    """
    x = noise
    for i in range(steps):
        time = torch.full((x.shape[0],), i / steps, device=x.device)
        x = x + velocity(x, time) / steps
    return x


def encode_time(time: Tensor, width: int) -> Tensor:
    """Sines and cosines of τ at periods from 0.004 to 4 (π0): ``[…]`` -> ``[…, width]``."""
    half = width // 2
    fraction = torch.linspace(0.0, 1.0, half, device=time.device)
    period = 0.004 * (4.0 / 0.004) ** fraction
    angle = time[..., None] * (2.0 * math.pi / period)
    return torch.cat((angle.sin(), angle.cos()), dim=-1)
