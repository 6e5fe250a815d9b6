"""Pictures to tokens."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthvla.model.config import EncoderConfig


class PictureEncoder(nn.Module):
    """Cuts a picture into patches, and carries them through a vision transformer of `layers` layers (SigLIP, DINOv2).

    A convolution whose stride is its kernel is one matrix product: written as that, it is also fast on a CPU.
    """

    def __init__(self, image: int, config: EncoderConfig, out: int) -> None:
        super().__init__()
        self.patch, self.side = config.patch, image // config.patch
        self.embed = nn.Linear(3 * config.patch**2, config.width)
        self.position = nn.Parameter(_sinusoids(self.side, config.width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.width,
                config.heads,
                config.mlp,
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width) if config.layers else nn.Identity()
        self.out = nn.Identity() if config.width == out and not config.layers else nn.Linear(config.width, out)

    def forward(self, images: Tensor) -> Tensor:
        """uint8 ``[B, H, W, 3]`` -> tokens ``[B, (H / patch)², out]``, row by row."""
        b, p, s = images.shape[0], self.patch, self.side
        # Cut first, in bytes: four times less memory to walk through than after the conversion.
        patches = images.view(b, s, p, s, p, 3).permute(0, 1, 3, 2, 4, 5).reshape(b, s * s, -1)
        x = self.embed(patches.float() / 127.5 - 1.0) + self.position
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.out(self.norm(x))
        return out


def resize(images: Tensor, size: int) -> Tensor:
    """uint8 ``[B, H, W, 3]`` -> uint8 ``[B, size, size, 3]``; the same tensor if it has that size."""
    if images.shape[1:3] == (size, size):
        return images
    x = F.interpolate(images.permute(0, 3, 1, 2).float(), (size, size), mode="bilinear", antialias=True)
    return x.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _sinusoids(side: int, width: int) -> Tensor:
    """Row and column of a grid as sines and cosines ``[side², width]``: a start from which places can be told apart."""
    quarter = math.ceil(width / 4)
    frequency = torch.exp(-math.log(10_000.0) * torch.arange(quarter) / quarter)
    angle = torch.arange(side)[:, None] * frequency
    line = torch.cat((angle.sin(), angle.cos()), dim=1)
    rows = line[:, None].expand(side, side, -1)
    columns = line[None].expand(side, side, -1)
    return torch.cat((rows, columns), dim=2).reshape(side * side, -1)[:, :width].clone() * 0.5
