"""Pictures to tokens: the vision transformers SigLIP and DINOv2, or patches alone. Their sizes are in the config."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthvla.model.config import EncoderConfig
from depthvla.model.precision import as_computed

EPS = 1e-6


class EncoderLayer(nn.Module):
    """A layer of a vision transformer: norms before attention and MLP, biases everywhere."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.gelu = config.heads, "tanh" if config.gelu == "tanh" else "none"
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.scale = nn.Parameter(torch.ones(width)) if config.layer_scale else None
        self.mlp_norm = nn.LayerNorm(width, eps=EPS)
        self.up = nn.Linear(width, config.mlp)
        self.down = nn.Linear(config.mlp, width)
        self.mlp_scale = nn.Parameter(torch.ones(width)) if config.layer_scale else None

    def forward(self, x: Tensor) -> Tensor:
        """``[B, T, W]`` -> ``[B, T, W]``"""
        b, t, w = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        attended = self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, w))
        x = x + (attended if self.scale is None else attended * self.scale)
        said = self.down(F.gelu(self.up(self.mlp_norm(x)), approximate=self.gelu))
        out: Tensor = x + (said if self.mlp_scale is None else said * self.mlp_scale)
        return out


class PictureEncoder(nn.Module):
    """Cuts a picture into patches, carries them through a vision transformer, and projects them to `out`.

    A convolution whose stride is its kernel is one matrix product: written as that, it is also fast on a CPU. A
    checkpoint's position embedding is brought to the grid of this picture when it is loaded.
    """

    def __init__(self, image: int, config: EncoderConfig, out: int) -> None:
        super().__init__()
        self.patch, self.side = config.patch, image // config.patch
        self.mean, self.std = config.mean, config.std
        self.embed = nn.Linear(3 * config.patch**2, config.width)
        self.position = nn.Parameter(_sinusoids(self.side, config.width))
        # The class token with its own position: they only ever occur as a sum.
        self.cls = nn.Parameter(torch.zeros(config.width)) if config.class_token else None
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width, eps=EPS) if config.layers else nn.Identity()
        self.project = nn.Identity() if config.width == out and not config.layers else nn.Linear(config.width, out)

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (or float in [0, 255]) ``[B, H, W, 3]`` -> tokens ``[B, (H / patch)², out]``, row by row."""
        out: Tensor = self.project(self.features(images))
        return out

    def features(self, images: Tensor) -> Tensor:
        """The same before the projection: ``[B, (H / patch)², width]``."""
        x = self.embed(self._patches(images).to(self.embed.weight.dtype)) + self.position
        if self.cls is not None:
            x = torch.cat((self.cls.expand(x.shape[0], 1, -1), x), dim=1)
        x = as_computed(x)
        for layer in self.layers:
            x = layer(x)
        tokens: Tensor = self.norm(x)
        return tokens if self.cls is None else tokens[:, 1:]

    def _patches(self, images: Tensor) -> Tensor:
        """float32 ``[B, (H / patch)², patch² × 3]``, normalised; a patch's pixels row by row, colours last."""
        b, p, s = images.shape[0], self.patch, self.side
        # Cut first, in bytes: four times less memory to walk through than after the conversion.
        patches = images.view(b, s, p, s, p, 3).permute(0, 1, 3, 2, 4, 5).reshape(b, s * s, p * p, 3).float()
        scale = patches.new_tensor([1.0 / (255.0 * std) for std in self.std])
        shift = patches.new_tensor([-mean / std for mean, std in zip(self.mean, self.std, strict=True)])
        return torch.addcmul(shift, patches, scale).flatten(2)


def _sinusoids(side: int, width: int) -> Tensor:
    """Row and column of a grid as sines and cosines ``[side², width]``: a start from which places can be told apart."""
    quarter = math.ceil(width / 4)
    frequency = torch.exp(-math.log(10_000.0) * torch.arange(quarter) / quarter)
    angle = torch.arange(side)[:, None] * frequency
    line = torch.cat((angle.sin(), angle.cos()), dim=1)
    rows = line[:, None].expand(side, side, -1)
    columns = line[None].expand(side, side, -1)
    return torch.cat((rows, columns), dim=2).reshape(side * side, -1)[:, :width].clone() * 0.5
