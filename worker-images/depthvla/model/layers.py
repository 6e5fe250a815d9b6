"""The parts of a Gemma layer. Conventions: ``B`` batch, ``T`` tokens, ``W`` width, ``N`` heads, ``D`` head size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthvla.model.config import ExpertConfig, ModelConfig


class RMSNorm(nn.Module):
    """Root mean square norm with a gain of (1 + w), as Gemma's: w = 0 at the start, so that decay pulls to identity."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """``[…, W]`` -> ``[…, W]``"""
        return F.rms_norm(x, (x.shape[-1],), 1.0 + self.weight, self.eps)


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


def rope_table(positions: Tensor, head_dim: int, base: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines of rotary positions (Su et al. 2021).

    Args:
        positions: ``[T]``, integers.

    Returns:
        Two of ``[T, D / 2]``.
    """
    frequency = base ** (-torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32) / head_dim)
    angle = positions.float()[:, None] * frequency
    return angle.cos(), angle.sin()


def rotate(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Turns pairs (i, i + D/2) by their token's angles: ``[B, N, T, D]`` -> ``[B, N, T, D]``."""
    cos, sin = table
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Layer(nn.Module):
    """One expert's part of one layer: its own norms, projections and MLP. The attention between is shared."""

    def __init__(self, config: ModelConfig, expert: ExpertConfig) -> None:
        super().__init__()
        self.heads, self.key_heads, self.head_dim = config.heads, config.key_heads, config.head_dim
        total = (self.heads + 2 * self.key_heads) * self.head_dim
        self.norm = RMSNorm(expert.width)
        self.qkv = nn.Linear(expert.width, total, bias=False)
        self.out = nn.Linear(self.heads * self.head_dim, expert.width, bias=False)
        self.mlp_norm = RMSNorm(expert.width)
        self.mlp = GatedMLP(expert.width, expert.mlp)

    def project(self, x: Tensor, table: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries ``[B, N, T, D]``, keys and values ``[B, N', T, D]`` of tokens ``[B, T, W]``."""
        b, t, _ = x.shape
        heads = self.qkv(self.norm(x)).view(b, t, -1, self.head_dim).transpose(1, 2)
        q, k, v = heads.split((self.heads, self.key_heads, self.key_heads), dim=1)
        return rotate(q, table), rotate(k, table), v

    def merge(self, x: Tensor, attended: Tensor) -> Tensor:
        """Adds what was attended to (``[B, N, T, D]``) and the MLP to the tokens ``[B, T, W]``."""
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        out: Tensor = x + self.mlp(self.mlp_norm(x))
        return out


class Expert(nn.Module):
    """An expert's weights: its part of every layer, and a last norm."""

    def __init__(self, config: ModelConfig, expert: ExpertConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config, expert) for _ in range(config.layers))
        self.norm = RMSNorm(expert.width)

    def layer(self, i: int) -> Layer:
        layer = self.layers[i]
        assert isinstance(layer, Layer)
        return layer
