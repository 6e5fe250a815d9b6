"""The depth expert: sees a picture, predicts metric depth. Alone it is pretrained and labels; in DepthVLA its layers
are what the actions look at."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthvla.model.config import ModelConfig
from depthvla.model.encoder import PictureEncoder
from depthvla.model.initial import initialise
from depthvla.model.layers import Expert
from depthvla.model.mixture import Stream, mix
from depthvla.model.precision import in_float32

NEAREST, FARTHEST = 0.1, 10.0
"""Metres that measured depth is shown to the encoder between, when that is what the expert sees."""


class DepthExpert(nn.Module):
    """Encoder, transformer decoder (its part of the mixture) and a linear head: log depth of each pixel of a token."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.depth is not None
        self.config = config
        self.pool = config.depth_pool
        self.patch = config.depth_vision.patch * self.pool
        self.side = config.image // self.patch
        self.encoder = PictureEncoder(config.image, config.depth_vision, config.depth.width)
        further = config.depth_cameras - 1
        # Added to the tokens of all cameras but the first; 0, so that what was pretrained on one picture stays valid.
        self.camera = nn.Parameter(torch.zeros(further, config.depth.width)) if further else None
        self.expert = Expert(config, config.depth)
        self.head = nn.Linear(config.depth.width, self.patch**2) if config.predicts_depth else None
        initialise(self, config.layers)
        if self.head is not None:
            # Small: what an untrained head adds to the mean depth is noise in every pixel, slow to be unlearnt.
            nn.init.normal_(self.head.weight, std=0.002)

    def start_at(self, log_depth: float) -> None:
        """Sets what an untrained head says everywhere (mean of log metres): the best guess that needs no picture."""
        if self.head is not None:
            nn.init.constant_(self.head.bias, log_depth)

    def tokens(self, pictures: Tensor) -> Tensor:
        """Pictures ``[B, H, W, 3]`` as the encoder takes them -> ``[B, T, W]``."""
        x: Tensor = self.encoder(pictures)
        if self.pool == 1:
            return x
        side = self.side * self.pool
        grid = x.transpose(1, 2).reshape(x.shape[0], x.shape[2], side, side)
        return F.avg_pool2d(grid, self.pool).flatten(2).transpose(1, 2)

    def stream(self, tokens: Tensor, sees: tuple[str, ...] = ("depth",)) -> Stream:
        """Tokens ``[B, n × T, W]`` of n pictures as a stream of the mixture; each picture's positions start at 0."""
        count = self.side**2
        return Stream(self.expert, tokens, torch.arange(tokens.shape[1], device=tokens.device) % count, sees)

    def read(self, hidden: Tensor) -> Tensor:
        """Tokens ``[B, T, W]`` of the last layer -> log metres ``[B, H, W]``, float32."""
        assert self.head is not None
        b, s, p = hidden.shape[0], self.side, self.patch
        pixels: Tensor = in_float32(self.head, hidden).view(b, s, s, p, p)
        return pixels.permute(0, 1, 3, 2, 4).reshape(b, s * p, s * p)

    def forward(self, images: Tensor) -> Tensor:
        """uint8 ``[B, H, W, 3]`` -> log metres ``[B, H, W]``, the expert by itself."""
        streams = {"depth": self.stream(self.tokens(images))}
        mixed = mix(streams, head_dim=self.config.head_dim, rope_base=self.config.rope_base)
        return self.read(mixed.hidden["depth"])


def depth_picture(depth: Tensor) -> Tensor:
    """Metres ``[…]`` -> a grey picture ``[…, 3]`` in [0, 255], as finely as it was measured.

    The logarithm of depth, from `NEAREST` (near 0) to `FARTHEST` (255); 0 is not measured.
    """
    good = torch.isfinite(depth) & (depth > 0)
    metres = torch.where(good, depth, 1.0).clamp(NEAREST, FARTHEST).float()
    grey = 1.0 + 254.0 * (metres / NEAREST).log() / math.log(FARTHEST / NEAREST)
    return torch.where(good, grey, 0.0)[..., None].expand(*depth.shape, 3)
