"""Named sizes. A preset is data: the code knows none of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from depthvla.model.config import EncoderConfig, ExpertConfig, ModelConfig, Rgb, TextConfig

Preset = Literal["tiny", "tiny-labeller", "small", "paper"]

IMAGENET: tuple[Rgb, Rgb] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation that DINOv2's pictures are normalised by; SigLIP's are 0.5 and 0.5."""

SIGLIP_SO400M = EncoderConfig(14, 1152, layers=27, heads=16, mlp=4304)
DINOV2_LARGE = EncoderConfig(
    14, 1024, layers=24, heads=16, mlp=4096, mean=IMAGENET[0], std=IMAGENET[1],
    class_token=True, layer_scale=True, gelu="exact",
)  # fmt: skip
DINOV2_SMALL = EncoderConfig(
    14, 384, layers=12, heads=6, mlp=1536, mean=IMAGENET[0], std=IMAGENET[1],
    class_token=True, layer_scale=True, gelu="exact",
)  # fmt: skip

PRESETS: dict[Preset, ModelConfig] = {
    # 2.3 million parameters: learns two Meta-World tasks on two CPU cores in minutes.
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
    # 142 million: for one GPU. The depth encoder is DINOv2-S, so that Depth Anything V2 Small can be loaded.
    "small": ModelConfig(
        image=224, layers=12, heads=6, head_dim=64, kv_heads=1,
        vlm=ExpertConfig(512, 2048), action=ExpertConfig(384, 1536), depth=ExpertConfig(384, 1536),
        vision=EncoderConfig(14, 384, layers=12, heads=6, mlp=1536), depth_vision=DINOV2_SMALL,
        text=TextConfig("words", 8192, 32), horizon=16,
    ),
    # 3.9 billion: PaliGemma-3B at 224 pixels, DINOv2-L, and two experts of the shape of Gemma 300M.
    "paper": ModelConfig(
        image=224, layers=18, heads=8, head_dim=256, kv_heads=1,
        vlm=ExpertConfig(2048, 16_384), action=ExpertConfig(1024, 4096), depth=ExpertConfig(1024, 4096),
        vision=SIGLIP_SO400M, depth_vision=DINOV2_LARGE,
        text=TextConfig("sentencepiece", 257_216, 48), state=8, actions=7, horizon=50,
    ),
}  # fmt: skip


def with_depth(preset: ModelConfig, layers: int, pool: int) -> ModelConfig:
    """A preset whose depth expert has fewer layers (0: as many as the mixture), or fewer tokens.

    Raises:
        WorkerError: MODEL_INVALID.
    """
    return replace(preset, depth=preset.depth and replace(preset.depth, layers=layers), depth_pool=pool)
