"""PaliGemma (transformers' `PaliGemmaForConditionalGeneration`), as the weights of a `VisionLanguage`.

Three layouts are about: the hub's (`vision_tower.vision_model.…`, `language_model.model.…`), what transformers 5 saves
of it (without `vision_model`), and its own (`model.vision_tower.…`, `model.language_model.…`, with
`save_original_format=False`). The output matrix is the embedding's; a copy under its own name must be the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from depthvla.model.config import ModelConfig
from depthvla.runtime.config import Json
from depthvla.weights import gemma, siglip
from depthvla.weights.recipe import Piece, Recipe, number, setting

VISION, TEXT, PROJECTOR = "vision_tower.", "language_model.", "multi_modal_projector.linear."
RENAMES = (
    (r"^model\.", ""),
    (r"^vision_tower\.vision_model\.", VISION),
    (r"^language_model\.model\.", TEXT),
    (r"^language_model\.lm_head\.", "lm_head."),
)


def paligemma(config: ModelConfig, stored: Mapping[str, Json]) -> Recipe:
    """The recipe for a model of that size.

    Args:
        stored: the checkpoint's `config.json`; the grid of SigLIP's positions is read from it.
    """
    vision, width = config.vision, config.vlm.width
    stored_side = number(stored, "vision_config.image_size", 224) // vision.patch
    projector = [
        Piece("encoder.project.weight", {f"{PROJECTOR}weight": (width, vision.width)}),
        Piece("encoder.project.bias", {f"{PROJECTOR}bias": (width,)}),
    ]
    tower = siglip.pieces(vision, config.image // vision.patch, stored_side)
    text = {f"text_config.{key}": value for key, value in gemma.settings(config).items()}
    text_defaults = {f"text_config.{key}": value for key, value in gemma.DEFAULTS.items()}
    if setting(stored, "text_config.rope_parameters") is not None:
        # transformers 5 puts it there, earlier versions beside the other numbers.
        text["text_config.rope_parameters.rope_theta"] = text.pop("text_config.rope_theta")
        text["text_config.rope_parameters.rope_type"] = "default"
    return Recipe(
        family="PaliGemma",
        settings={
            "model_type": "paligemma", "projection_dim": width, **text,
            **{f"vision_config.{key}": value for key, value in siglip.settings(vision).items()},
        },
        defaults={
            "projection_dim": 2048, **text_defaults,
            **{f"vision_config.{key}": value for key, value in siglip.DEFAULTS.items()},
        },
        renames=RENAMES,
        pixels=(vision.mean, vision.std),
        pieces=[
            *(_from(VISION, piece, "encoder.") for piece in tower), *projector,
            *(_from(TEXT, piece) for piece in gemma.pieces(config)),
        ],
        tied={"lm_head.weight": f"{TEXT}embed_tokens.weight"},
    )  # fmt: skip


def _from(prefix: str, piece: Piece, into: str = "") -> Piece:
    sources = {f"{prefix}{name}": shape for name, shape in piece.sources.items()}
    return replace(piece, target=f"{into}{piece.target}", sources=sources)
