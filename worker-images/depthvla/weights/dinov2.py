"""DINOv2 (transformers' `Dinov2Model`), and Depth Anything, whose backbone it is, as weights of a `PictureEncoder`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from depthvla.model.config import EncoderConfig
from depthvla.runtime.config import Json
from depthvla.runtime.failure import CONFIG, WorkerError
from depthvla.weights.recipe import Piece, Recipe, grid, number, patches
from depthvla.weights.vit import LayerNames, layer_pieces

NAMES = LayerNames(
    "encoder.layer.{}.", "norm1", "attention", "o_proj", "norm2", "layer_scale1.lambda1", "layer_scale2.lambda1"
)
DEFAULTS: Mapping[str, Json] = {
    "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "mlp_ratio": 4, "hidden_act": "gelu",
    "layer_norm_eps": 1e-6, "image_size": 224, "patch_size": 14, "num_channels": 3, "qkv_bias": True,
    "use_swiglu_ffn": False, "apply_layernorm": True,
}  # fmt: skip
RENAMES = (
    (r"\.attention\.attention\.query\.", ".attention.q_proj."),
    (r"\.attention\.attention\.key\.", ".attention.k_proj."),
    (r"\.attention\.attention\.value\.", ".attention.v_proj."),
    (r"\.attention\.output\.dense\.", ".attention.o_proj."),
)
"""The hub's names of the attention's parts, as transformers 5 has them."""
MASK = {"embeddings.mask_token": "stands for patches that are hidden in DINOv2's own training"}


def dinov2(config: EncoderConfig, side: int, stored: Mapping[str, Json]) -> Recipe:
    """The recipe for an encoder whose pictures have `side` patches a side.

    Args:
        stored: the checkpoint's `config.json`; the grid of its positions is read from it.
    """
    return Recipe(
        family="DINOv2",
        settings={"model_type": "dinov2", **_settings(config)},
        defaults=DEFAULTS,
        renames=((r"^dinov2\.", ""), *RENAMES),
        pixels=(config.mean, config.std),
        pieces=_pieces(config, side, number(stored, "image_size", 224) // config.patch),
        unused={**MASK, "classifier.": "names ImageNet's classes"},
    )


def depth_anything(config: EncoderConfig, side: int, stored: Mapping[str, Json]) -> Recipe:
    """The same from a Depth Anything checkpoint (V1 and V2 are built alike): of its parts, the backbone."""
    stored_side = number(stored, "backbone_config.image_size", 518) // config.patch
    return Recipe(
        family="Depth Anything",
        settings={
            "model_type": "depth_anything",
            "backbone_config.model_type": "dinov2",
            **{f"backbone_config.{key}": value for key, value in _settings(config).items()},
        },
        defaults={f"backbone_config.{key}": value for key, value in DEFAULTS.items()},
        renames=RENAMES,
        pixels=(config.mean, config.std),
        pieces=[
            replace(piece, sources={f"backbone.{name}": shape for name, shape in piece.sources.items()})
            for piece in _pieces(config, side, stored_side)
        ],
        unused={
            **{f"backbone.{name}": why for name, why in MASK.items()},
            "neck.": "DPT's decoder; ours is a transformer",
            "head.": "DPT's head; ours is a matrix",
        },
    )


def _settings(config: EncoderConfig) -> dict[str, Json | tuple[Json, ...]]:
    return {
        "hidden_size": config.width, "num_hidden_layers": config.layers, "num_attention_heads": config.heads,
        "mlp_ratio": config.mlp // config.width, "patch_size": config.patch,
        "hidden_act": "gelu" if config.gelu == "exact" else ("gelu_pytorch_tanh", "gelu_new"),
        "layer_norm_eps": 1e-6, "num_channels": 3, "qkv_bias": True, "use_swiglu_ffn": False,
    }  # fmt: skip


def _pieces(config: EncoderConfig, side: int, stored_side: int) -> list[Piece]:
    if not (config.class_token and config.layer_scale):
        message = "the preset's depth encoder is no DINOv2: it has no class token and no gains"
        raise WorkerError("PRESET_MISMATCH", message, hint="use a preset such as `small` or `paper`", exit_code=CONFIG)
    w, p = config.width, config.patch
    token, positions = "embeddings.cls_token", "embeddings.position_embeddings"
    every = {positions: (1, 1 + stored_side**2, w)}
    resize = grid(side)

    def class_token(cls: Tensor, position: Tensor) -> Tensor:
        # They only ever occur as a sum.
        return cls[0, 0] + position[0, 0]

    def patch_positions(position: Tensor) -> Tensor:
        return resize(position[0, 1:])

    return [
        Piece("embed.weight", {"embeddings.patch_embeddings.projection.weight": (w, 3, p, p)}, patches),
        Piece("embed.bias", {"embeddings.patch_embeddings.projection.bias": (w,)}),
        Piece("cls", {token: (1, 1, w), **every}, class_token),
        Piece("position", every, patch_positions),
        *layer_pieces(config, NAMES),
        Piece("norm.weight", {"layernorm.weight": (w,)}),
        Piece("norm.bias", {"layernorm.bias": (w,)}),
    ]
