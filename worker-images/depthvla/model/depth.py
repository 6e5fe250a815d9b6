"""The depth expert: sees a picture, predicts metric depth. Alone it is pretrained and labels; in DepthVLA its layers
are what the actions look at."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from depthvla.model.config import ModelConfig
from depthvla.model.encoder import PictureEncoder
from depthvla.model.initial import initialise
from depthvla.model.layers import Expert
from depthvla.model.mixture import Stream, mix


class DepthExpert(nn.Module):
    """Encoder, transformer decoder (its part of the mixture) and a linear head: log depth of each pixel of a patch."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.depth is not None
        self.config = config
        self.patch = config.depth_vision.patch
        self.side = config.image // self.patch
        self.encoder = PictureEncoder(config.image, config.depth_vision, config.depth.width)
        self.expert = Expert(config, config.depth)
        self.head = nn.Linear(config.depth.width, self.patch**2)
        initialise(self, config.layers)
        # Small: what an untrained head adds to the mean depth is noise in every pixel, slow to be unlearnt.
        nn.init.normal_(self.head.weight, std=0.002)

    def start_at(self, log_depth: float) -> None:
        """Sets what an untrained head says everywhere (mean of log metres): the best guess that needs no picture."""
        nn.init.constant_(self.head.bias, log_depth)

    def stream(self, images: Tensor, sees: tuple[str, ...] = ("depth",)) -> Stream:
        """uint8 ``[B, H, W, 3]`` as tokens of the mixture."""
        tokens = self.encoder(images)
        return Stream(self.expert, tokens, torch.arange(tokens.shape[1], device=tokens.device), sees)

    def read(self, hidden: Tensor) -> Tensor:
        """Tokens ``[B, T, W]`` of the last layer -> log metres ``[B, H, W]``."""
        b, s, p = hidden.shape[0], self.side, self.patch
        pixels: Tensor = self.head(hidden).view(b, s, s, p, p)
        return pixels.permute(0, 1, 3, 2, 4).reshape(b, s * p, s * p)

    def forward(self, images: Tensor) -> Tensor:
        """uint8 ``[B, H, W, 3]`` -> log metres ``[B, H, W]``, the expert by itself."""
        streams = {"depth": self.stream(images)}
        mixed = mix(streams, head_dim=self.config.head_dim, rope_base=self.config.rope_base)
        return self.read(mixed.hidden["depth"])
