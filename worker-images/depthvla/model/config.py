"""The sizes of DepthVLA, as data. Nothing here imports torch."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar, cast

from depthvla.runtime.config import Json
from depthvla.runtime.failure import CONFIG, WorkerError

C = TypeVar("C")
Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class ExpertConfig:
    """What is an expert's own. Heads and head size it shares with the others: they attend to each other."""

    width: int
    mlp: int
    layers: int = 0
    """Fewer than the mixture has, spread evenly over it; 0: one in each layer of the mixture."""


def places(own: int, layers: int) -> tuple[int, ...]:
    """In which of the mixture's layers an expert with `own` of them takes part: evenly, and in the last one.

    >>> places(3, 9)
    (2, 5, 8)
    """
    return tuple(-(-(i + 1) * layers // own) - 1 for i in range(own))


@dataclass(frozen=True)
class EncoderConfig:
    """A picture encoder: patches, then `layers` of a vision transformer (0: the patches are the tokens)."""

    patch: int
    width: int
    layers: int = 0
    heads: int = 1
    mlp: int = 0
    mean: Rgb = (0.5, 0.5, 0.5)
    std: Rgb = (0.5, 0.5, 0.5)
    """What is taken from a picture in [0, 1], and what the rest is divided by."""
    class_token: bool = False
    """A token beside the patches that they attend to; it isn't handed on (DINOv2)."""
    layer_scale: bool = False
    """A gain on what each block adds to the tokens (DINOv2)."""
    gelu: Literal["exact", "tanh"] = "tanh"


@dataclass(frozen=True)
class TextConfig:
    """How an instruction becomes numbers; 0 is padding."""

    tokenizer: Literal["words", "sentencepiece"] = "words"
    """Words hashed into `vocabulary` buckets, which needs no file; or PaliGemma's pieces of words."""
    vocabulary: int = 512
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
    cameras: int = 1
    depth_cameras: int = 1
    """The first so many cameras are also seen by the depth expert, each by itself."""
    depth_pool: int = 1
    """Tokens of the depth encoder that are averaged into one, in height and in width."""
    depth_input: Literal["pictures", "measured"] = "pictures"
    """What the depth expert sees: pictures, whose depth it predicts; or measured depth, and it predicts nothing."""
    state: int = 4
    actions: int = 4
    horizon: int = 8

    def __post_init__(self) -> None:
        for encoder in (self.vision, self.depth_vision):
            if self.image % encoder.patch:
                raise _impossible(f"image: pictures of {self.image} don't divide into {encoder.patch}")
            if encoder.width % encoder.heads:
                raise _impossible(f"width: {encoder.width} isn't shared evenly by {encoder.heads} heads")
        if self.heads % (self.kv_heads or self.heads):
            raise _impossible(f"kv_heads: {self.heads} heads don't share {self.kv_heads} key heads evenly")
        side, pool = self.image // self.depth_vision.patch, self.depth_pool
        if side % pool:
            raise _impossible(f"depth_pool: {side} × {side} tokens of depth don't divide into {pool} × {pool}")
        if not 1 <= self.depth_cameras <= self.cameras:
            raise _impossible(f"depth_cameras: depth from {self.depth_cameras} cameras, of {self.cameras}")
        for name, expert in (("vlm", self.vlm), ("action", self.action), ("depth", self.depth)):
            if expert and expert.layers > self.layers:
                raise _impossible(f"{name}.layers: the expert has {expert.layers} layers, the mixture {self.layers}")

    @property
    def key_heads(self) -> int:
        return self.kv_heads or self.heads

    @property
    def predicts_depth(self) -> bool:
        return self.depth is not None and self.depth_input == "pictures"


def _impossible(problem: str) -> WorkerError:
    return WorkerError("MODEL_INVALID", problem, exit_code=CONFIG)


def to_json(config: ModelConfig) -> dict[str, Json]:
    return cast("dict[str, Json]", json.loads(json.dumps(dataclasses.asdict(config))))


def from_json(values: Mapping[str, Json]) -> ModelConfig:
    """The other way round.

    Raises:
        WorkerError: MODEL_INVALID.
    """
    return _read(ModelConfig, values, "model")


def _read(cls: type[C], values: Mapping[str, Json], where: str) -> C:
    hints = typing.get_type_hints(cls)
    made: dict[str, object] = {}
    for name, value in values.items():
        if name not in hints:
            raise WorkerError("MODEL_INVALID", f"config.json: {where} has no {name}")
        made[name] = _value(hints[name], value, f"{where}.{name}")
    try:
        return cls(**made)
    except TypeError as error:
        raise WorkerError("MODEL_INVALID", f"config.json: {where}: {error}") from error


def _value(hint: object, value: Json, where: str) -> object:
    """A list as a tuple, an object as the dataclass that it is; the rest must be of its type already."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        if dataclasses.is_dataclass(option) and isinstance(value, Mapping):
            return _read(cast("type[object]", option), value, where)
        if typing.get_origin(option) is tuple and isinstance(value, list) and len(value) == 3:
            return tuple(cast("list[float]", value))
        if typing.get_origin(option) is Literal and value in typing.get_args(option):
            return value
        if option is float and type(value) in (int, float):
            return value
        if option in (bool, int, types.NoneType) and type(value) is option:
            return value
    raise WorkerError("MODEL_INVALID", f"config.json: {where} can't be {json.dumps(value)}")
