"""SigLIP's picture tower (transformers' `SiglipVisionModel` without its head), as PaliGemma has it."""

from __future__ import annotations

from collections.abc import Mapping

from depthvla.model.config import EncoderConfig
from depthvla.runtime.config import Json
from depthvla.weights.recipe import Piece, grid, patches
from depthvla.weights.vit import LayerNames, layer_pieces

NAMES = LayerNames("encoder.layers.{}.", "layer_norm1", "self_attn", "out_proj", "layer_norm2")
DEFAULTS: Mapping[str, Json] = {
    "model_type": "siglip_vision_model", "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6, "num_channels": 3,
    "vision_use_head": True, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
    "intermediate_size": 3072, "patch_size": 16, "image_size": 224,
}  # fmt: skip


def settings(config: EncoderConfig) -> dict[str, Json | tuple[Json, ...]]:
    return {
        "model_type": "siglip_vision_model", "hidden_size": config.width, "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads, "intermediate_size": config.mlp, "patch_size": config.patch,
        "hidden_act": ("gelu_pytorch_tanh", "gelu_new") if config.gelu == "tanh" else "gelu",
        "layer_norm_eps": 1e-6, "num_channels": 3,
    }  # fmt: skip


def pieces(config: EncoderConfig, side: int, stored_side: int) -> list[Piece]:
    """Of a `PictureEncoder` without its projection; positions come from a grid of `stored_side`."""
    w, p = config.width, config.patch
    return [
        Piece("embed.weight", {"embeddings.patch_embedding.weight": (w, 3, p, p)}, patches),
        Piece("embed.bias", {"embeddings.patch_embedding.bias": (w,)}),
        Piece("position", {"embeddings.position_embedding.weight": (stored_side**2, w)}, grid(side)),
        *layer_pieces(config, NAMES),
        Piece("norm.weight", {"post_layernorm.weight": (w,)}),
        Piece("norm.bias", {"post_layernorm.bias": (w,)}),
    ]
