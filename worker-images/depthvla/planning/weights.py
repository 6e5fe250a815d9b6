"""The weights of DepthVLA, counted: the other side of the constructors in `model/`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from depthvla.model.config import EncoderConfig, ExpertConfig, ModelConfig, places


@dataclass(frozen=True)
class Unit:
    """What is gathered as one where ranks share a copy (`model/units.py`); ROOT is what stays gathered."""

    name: str
    weights: int
    """Numbers in it."""
    products: int
    """Those of them of which the graph keeps autocast's copies: of linear layers whose input has a gradient."""
    largest: int
    """Those of its largest matrix."""
    trained: bool = True


ROOT = "what is in no unit"


@cache
def units(config: ModelConfig, *, freeze_depth: bool = False) -> tuple[Unit, ...]:
    """All weights of a model, each in one unit.

    Args:
        freeze_depth: the depth expert is not trained.
    """
    return tuple(_units(config, freeze_depth))


def _units(c: ModelConfig, freeze_depth: bool) -> Iterator[Unit]:
    yield from _encoder("vlm", c.vision, c.image, c.vlm.width)
    yield Unit("vlm words", c.text.vocabulary * c.vlm.width, 0, c.text.vocabulary * c.vlm.width)
    yield from _expert("vlm", c, c.vlm, read=False)
    if c.depth:
        train = not freeze_depth
        yield from _encoder("depth", c.depth_vision, c.image, c.depth.width, train)
        if c.depth_cameras > 1:
            yield Unit(ROOT, (c.depth_cameras - 1) * c.depth.width, 0, 0, train)
        yield from _expert("depth", c, c.depth, read=c.predicts_depth, trained=train)
        if c.predicts_depth:
            # In float32 whatever the rest is in.
            pixels = (c.depth_vision.patch * c.depth_pool) ** 2
            yield Unit(ROOT, (c.depth.width + 1) * pixels, 0, c.depth.width * pixels, train)
    yield from _expert("action", c, c.action, read=True)
    w = c.action.width
    joins = (2 * w + 1) * w + (w + 1) * w
    ends = (c.state + 1) * w + (c.actions + 1) * w + (w + 1) * c.actions
    yield Unit(ROOT, joins + ends, joins, 2 * w * w)


def _encoder(name: str, e: EncoderConfig, image: int, out: int, trained: bool = True) -> Iterator[Unit]:
    w, m = e.width, e.mlp
    products = (w + 1) * 3 * w + (w + 1) * w + (w + 1) * m + (m + 1) * w
    for i in range(e.layers):
        weights = products + 4 * w + (2 * w if e.layer_scale else 0)
        yield Unit(f"{name} encoder {i}", weights, products, max(3 * w, m) * w, trained)
    pixels = 3 * e.patch**2
    embedding = (pixels + 1) * w + (image // e.patch) ** 2 * w + (w if e.class_token else 0)
    project = (w + 1) * out if e.layers or w != out else 0
    yield Unit(ROOT, embedding + project + (2 * w if e.layers else 0), project, w * max(pixels, out), trained)


def _expert(name: str, c: ModelConfig, e: ExpertConfig, *, read: bool, trained: bool = True) -> Iterator[Unit]:
    """`read`: its last tokens are; of one that is not, what comes after its last keys and values isn't trained."""
    w, m = e.width, e.mlp
    inner = c.heads * c.head_dim
    qkv = w * (c.heads + 2 * c.key_heads) * c.head_dim
    own = places(e.layers or c.layers, c.layers)
    for i in own:
        yield Unit(f"{name} inward {i}", qkv + w, qkv, qkv, trained)
        outward = inner * w + 3 * w * m
        yield Unit(
            f"{name} outward {i}", outward + w, outward, max(inner, 2 * m) * w, trained and (read or i < own[-1])
        )
    yield Unit(ROOT, w, 0, 0, trained and read)
