"""The layers that SigLIP and DINOv2 have in common, under the names that each gives them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from depthvla.model.config import EncoderConfig
from depthvla.weights.recipe import Piece, stack


@dataclass(frozen=True)
class LayerNames:
    """What a family calls the parts of one layer."""

    layer: str
    """With ``{}`` for its number."""
    norm: str
    attention: str
    out: str
    mlp_norm: str
    scale: str | None = None
    mlp_scale: str | None = None


def layer_pieces(config: EncoderConfig, names: LayerNames) -> Iterator[Piece]:
    """Pieces of the layers of a `PictureEncoder`."""
    w, m = config.width, config.mlp
    for i in range(config.layers):
        ours, theirs = f"layers.{i}.", names.layer.format(i)
        attention = [f"{theirs}{names.attention}.{part}_proj" for part in "qkv"]
        for target, source in (("norm", names.norm), ("mlp_norm", names.mlp_norm)):
            for kind in ("weight", "bias"):
                yield Piece(f"{ours}{target}.{kind}", {f"{theirs}{source}.{kind}": (w,)})
        yield Piece(f"{ours}qkv.weight", {f"{a}.weight": (w, w) for a in attention}, stack)
        yield Piece(f"{ours}qkv.bias", {f"{a}.bias": (w,) for a in attention}, stack)
        for target, source, outs, ins in (
            ("out", f"{names.attention}.{names.out}", w, w), ("up", "mlp.fc1", m, w), ("down", "mlp.fc2", w, m),
        ):  # fmt: skip
            yield Piece(f"{ours}{target}.weight", {f"{theirs}{source}.weight": (outs, ins)})
            yield Piece(f"{ours}{target}.bias", {f"{theirs}{source}.bias": (outs,)})
        for target, gain in (("scale", names.scale), ("mlp_scale", names.mlp_scale)):
            if gain is not None:
                yield Piece(f"{ours}{target}", {f"{theirs}{gain}": (w,)})
