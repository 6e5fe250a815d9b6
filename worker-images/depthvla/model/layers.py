"""The parts of a Gemma layer. Conventions: ``B`` batch, ``T`` tokens, ``W`` width, ``N`` heads, ``D`` head size."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthvla.model.config import ExpertConfig, ModelConfig, places


class RMSNorm(nn.Module):
    """Root mean square norm with a gain of (1 + w), as Gemma's: w = 0 at the start, so that decay pulls to identity."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """``[…, W]`` -> ``[…, W]``, in float32 within."""
        return F.rms_norm(x.float(), (x.shape[-1],), 1.0 + self.weight.float(), self.eps).to(x.dtype)


class GatedMLP(nn.Module):
    """GeGLU with the tanh form of GELU, as in Gemma. Gate and value are one matrix: one product instead of two."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[…, W]`` -> ``[…, W]``"""
        gate, value = self.up(x).chunk(2, dim=-1)
        out: Tensor = self.down(F.gelu(gate, approximate="tanh") * value)
        return out


RopeTable = tuple[Tensor, Tensor]
"""Cosines and sines, ``[T, D / 2]`` each."""


def rope_table(positions: Tensor, head_dim: int, base: float) -> RopeTable:
    """Cosines and sines of rotary positions (Su et al. 2021), in float32.

    Args:
        positions: ``[T]``, integers.
    """
    frequency = base ** (-torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32) / head_dim)
    angle = positions.float()[:, None] * frequency
    return angle.cos(), angle.sin()


def rotate(x: Tensor, table: RopeTable) -> Tensor:
    """Turns pairs (i, i + D/2) by their token's angles: ``[B, N, T, D]`` -> ``[B, N, T, D]``."""
    cos, sin = table
    a, b = x.float().chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1).to(x.dtype)


class Inward(nn.Module):
    """What comes before the attention: norm, and the projections to queries, keys and values in one matrix."""

    def __init__(self, config: ModelConfig, width: int) -> None:
        super().__init__()
        self.heads, self.key_heads, self.head_dim = config.heads, config.key_heads, config.head_dim
        self.norm = RMSNorm(width)
        self.qkv = nn.Linear(width, (self.heads + 2 * self.key_heads) * self.head_dim, bias=False)

    def forward(self, x: Tensor, table: RopeTable) -> tuple[Tensor, Tensor, Tensor]:
        """Queries ``[B, N, T, D]``, keys and values ``[B, N', T, D]`` of tokens ``[B, T, W]``."""
        b, t, _ = x.shape
        counts = (self.heads, self.key_heads, self.key_heads)
        # No -1: a rank's part of the scenes may be none, and of nothing no size can be worked out.
        q, k, v = self.qkv(self.norm(x)).view(b, t, sum(counts), self.head_dim).transpose(1, 2).split(counts, dim=1)
        return rotate(q, table), rotate(k, table), v


class Outward(nn.Module):
    """What comes after the attention: back to the expert's width, and its MLP."""

    def __init__(self, config: ModelConfig, expert: ExpertConfig) -> None:
        super().__init__()
        self.out = nn.Linear(config.heads * config.head_dim, expert.width, bias=False)
        self.norm = RMSNorm(expert.width)
        self.mlp = GatedMLP(expert.width, expert.mlp)

    def forward(self, x: Tensor, attended: Tensor) -> Tensor:
        """Adds what was attended to (``[B, N, T, D]``) and the MLP to the tokens ``[B, T, W]``."""
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        out: Tensor = x + self.mlp(self.norm(x))
        return out


class Layer(nn.Module):
    """One expert's part of one layer: its own norms, projections and MLP. The attention between is shared, so a layer
    is two modules, each called once on the way: what wraps modules (FSDP, recomputing, compiling) wraps these."""

    def __init__(self, config: ModelConfig, expert: ExpertConfig) -> None:
        super().__init__()
        self.inward = Inward(config, expert.width)
        self.outward = Outward(config, expert)


class Expert(nn.Module):
    """An expert's weights: its part of each layer in which it has one, and a last norm."""

    def __init__(self, config: ModelConfig, expert: ExpertConfig) -> None:
        super().__init__()
        self.places = places(expert.layers or config.layers, config.layers)
        self.layers = nn.ModuleList(Layer(config, expert) for _ in self.places)
        self.norm = RMSNorm(expert.width)

    def in_mixture(self) -> Iterator[Layer | None]:
        """Its part of each layer of the mixture up to its last; None where it has none."""
        own = dict(zip(self.places, self.layers, strict=True))
        for i in range(self.places[-1] + 1):
            layer = own.get(i)
            assert layer is None or isinstance(layer, Layer)
            yield layer
