"""Named sizes. A preset is data: the code knows none of them."""

from __future__ import annotations

from typing import Literal

from depthvla.model.config import EncoderConfig, ExpertConfig, ModelConfig

Preset = Literal["tiny", "tiny-labeller"]

PRESETS: dict[Preset, ModelConfig] = {
    # 1.9 million parameters: learns two Meta-World tasks on two CPU cores in minutes.
    "tiny": ModelConfig(
        image=96, layers=4, heads=4, head_dim=32,
        vlm=ExpertConfig(128, 256), action=ExpertConfig(128, 256), depth=ExpertConfig(128, 256),
        vision=EncoderConfig(16, 128), depth_vision=EncoderConfig(16, 128),
    ),
    # A larger depth model, which stands in for Depth Anything V2 as the labeller.
    "tiny-labeller": ModelConfig(
        image=96, layers=6, heads=6, head_dim=32,
        vlm=ExpertConfig(192, 384), action=ExpertConfig(192, 384), depth=ExpertConfig(192, 384),
        vision=EncoderConfig(16, 192), depth_vision=EncoderConfig(16, 192),
    ),
}  # fmt: skip
