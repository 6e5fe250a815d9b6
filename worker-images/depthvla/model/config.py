"""The sizes of DepthVLA, as data. Nothing here imports torch."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from depthvla.runtime.config import Json
from depthvla.runtime.failure import WorkerError


@dataclass(frozen=True)
class ExpertConfig:
    """What is an expert's own. Layers, heads and head size it shares with the others: they attend to each other."""

    width: int
    mlp: int


@dataclass(frozen=True)
class EncoderConfig:
    """A picture encoder: patches, then `layers` of a plain vision transformer (0: the patches are the tokens)."""

    patch: int
    width: int
    layers: int = 0
    heads: int = 1
    mlp: int = 0


@dataclass(frozen=True)
class TextConfig:
    """Words of an instruction, hashed into buckets; bucket 0 is padding."""

    buckets: int = 512
    length: int = 12


@dataclass(frozen=True)
class ModelConfig:
    """DepthVLA: three experts (vision-language, depth, action) in a mixture of transformers."""

    image: int
    """Height and width of a picture in pixels, of what the policy sees and of the depth that it predicts."""
    layers: int
    heads: int
    head_dim: int
    vlm: ExpertConfig
    action: ExpertConfig
    depth: ExpertConfig | None
    vision: EncoderConfig
    depth_vision: EncoderConfig
    kv_heads: int = 0
    """Heads of keys and values; 0 means as many as `heads` (Gemma 2B has 1)."""
    text: TextConfig = field(default_factory=TextConfig)
    rope_base: float = 10_000.0
    block_mask: bool = True
    """VLM and depth each see only themselves; without it they see each other. Actions see all, either way."""
    state: int = 4
    actions: int = 4
    horizon: int = 8

    def __post_init__(self) -> None:
        for encoder in (self.vision, self.depth_vision):
            if self.image % encoder.patch:
                raise WorkerError("MODEL_INVALID", f"pictures of {self.image} don't divide into {encoder.patch}")
        if self.heads % (self.kv_heads or self.heads):
            raise WorkerError("MODEL_INVALID", f"{self.heads} heads don't share {self.kv_heads} key heads evenly")

    @property
    def key_heads(self) -> int:
        return self.kv_heads or self.heads


def to_json(config: ModelConfig) -> dict[str, Json]:
    return cast("dict[str, Json]", json.loads(json.dumps(dataclasses.asdict(config))))


def from_json(values: Mapping[str, Json]) -> ModelConfig:
    """The other way round.

    Raises:
        WorkerError: MODEL_INVALID.
    """
    parts = {"vlm": ExpertConfig, "action": ExpertConfig, "depth": ExpertConfig}
    parts |= {"vision": EncoderConfig, "depth_vision": EncoderConfig, "text": TextConfig}  # type: ignore[dict-item]
    made: dict[str, object] = dict(values)
    try:
        for name, cls in parts.items():
            value = values.get(name)
            made[name] = None if value is None else cls(**cast("dict[str, int]", value))
        return ModelConfig(**made)  # type: ignore[arg-type]
    except TypeError as error:
        raise WorkerError("MODEL_INVALID", f"the model's config.json: {error}") from error
