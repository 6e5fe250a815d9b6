"""What a forward pass computes, what of it autograd keeps for the backward pass, and how many operations that takes.

Each call follows the code of `model/` line by line: what is said to be kept are the tensors that these operations save
(inputs of products and of GELU, norms' inputs in float32, queries, keys, values and result of attention), each storage
once. A view keeps all that it is a view of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from depthvla.model.config import EncoderConfig, ExpertConfig, ModelConfig, places
from depthvla.runtime.sharing import Attention, Precision

F32 = 4


@dataclass(frozen=True)
class Batch:
    """What one rank carries at once."""

    samples: float
    """Moments of demonstrations, each with all its cameras."""
    draws: int
    """Noise draws for each."""
    scenes: float = 0
    """Pictures for the depth loss alone."""


@dataclass(frozen=True)
class Numerics:
    precision: Precision
    gathered: bool
    """Weights come from other ranks, in the precision of products: nothing promotes to float32 then."""
    attention: Attention = "sdpa"
    device: Literal["cuda", "cpu"] = "cuda"

    @property
    def size(self) -> int:
        """Bytes of a number in a product."""
        return 2 if self.precision == "bf16" else F32

    def layer_norm(self, width: int) -> int:
        """Bytes that a token leaves: on CUDA autocast does it in float32."""
        return (self.size if self.device == "cpu" else F32) * width + 2 * F32

    def rms_norm(self, width: int) -> int:
        """Our own does it in float32, from a copy if it must; a CPU has no fused one, and keeps the result too."""
        return (2 if self.device == "cpu" else 1) * F32 * width + F32


@dataclass(frozen=True)
class Call:
    """One of the modules that may be computed again (a layer of an encoder, half of one of the mixture's), or what is
    between them."""

    name: str
    inside: float = 0
    """Bytes kept, unless it is computed again."""
    outside: float = 0
    """Bytes kept in either case."""
    arrives: float = 0
    """Bytes kept to compute it again from."""
    flops: float = 0
    trained: bool = True


@dataclass(frozen=True)
class _Stream:
    expert: ExpertConfig
    tokens: int
    sees: tuple[str, ...]
    trained: bool = True


@dataclass(frozen=True)
class Work:
    """A forward pass in sum: bytes and operations as of its calls."""

    inside: float
    outside: float
    arrives: float
    largest: float
    """Of `inside`, that of one call."""
    flops: float
    trained_flops: float
    again_flops: float
    """Of what may be computed again."""

    def kept(self, recompute: bool) -> float:
        """Bytes that wait for the backward pass; of what is computed again, also what that leaves of the largest."""
        return self.outside + (self.arrives + self.largest if recompute else self.inside)


def work_of(c: ModelConfig, batch: Batch, numerics: Numerics, *, freeze_depth: bool = False) -> Work:
    """Everything grows with the number of samples: it is counted for one."""
    one = _work_of_one(c, Batch(1, batch.draws, batch.scenes / batch.samples), numerics, freeze_depth)
    return Work(**{name: value * batch.samples for name, value in vars(one).items()})


@cache
def _work_of_one(c: ModelConfig, batch: Batch, numerics: Numerics, freeze_depth: bool) -> Work:
    made = calls(c, batch, numerics, freeze_depth=freeze_depth)
    return Work(
        inside=sum(each.inside for each in made),
        outside=sum(each.outside for each in made),
        arrives=sum(each.arrives for each in made),
        largest=max(each.inside for each in made),
        flops=sum(each.flops for each in made),
        trained_flops=sum(each.flops for each in made if each.trained),
        again_flops=sum(each.flops for each in made if each.inside),
    )


def calls(c: ModelConfig, batch: Batch, numerics: Numerics, *, freeze_depth: bool = False) -> list[Call]:
    """All of a training step's forward pass, in order."""
    return [*_Pass(c, batch, numerics, freeze_depth).calls()]


class _Pass:
    def __init__(self, c: ModelConfig, batch: Batch, numerics: Numerics, freeze_depth: bool) -> None:
        self.c, self.batch, self.n, self.size = c, batch, numerics, numerics.size
        self.trains_depth = not freeze_depth
        side = c.image // c.vision.patch
        self.seen = side * side
        self.looked = (c.image // (c.depth_vision.patch * c.depth_pool)) ** 2

    def calls(self) -> Iterator[Call]:
        c, b, s = self.c, self.batch.samples, self.batch.scenes
        yield from self._encoder("vlm", c.vision, c.vlm.width, b * c.cameras)
        names = ("vlm", "depth") if c.depth else ("vlm",)
        vlm = _Stream(c.vlm, c.cameras * self.seen + c.text.length, ("vlm",) if c.block_mask else names)
        lengths = {"vlm": vlm.tokens}
        if not c.depth or c.block_mask:
            yield from self._mix({"vlm": vlm}, b, {}, ())
        if c.depth:
            lengths["depth"] = c.depth_cameras * self.looked
            yield from self._depth(c.depth, vlm, names, b, s)
        yield from self._actions(names, lengths)

    def _depth(self, e: ExpertConfig, vlm: _Stream, names: tuple[str, ...], b: float, s: float) -> Iterator[Call]:
        c, t = self.c, self.looked
        pictures = b * c.depth_cameras + s
        wanted = ("depth",) if c.predicts_depth else ()
        yield from self._encoder("depth", c.depth_vision, e.width, pictures, self.trains_depth)
        if c.block_mask:
            yield from self._mix({"depth": _Stream(e, t, ("depth",), self.trains_depth)}, pictures, {}, wanted)
        else:
            yield from self._mix({"vlm": vlm, "depth": _Stream(e, t * c.depth_cameras, names)}, b, {}, wanted)
            if s:
                yield from self._encoder("vlm", c.vision, c.vlm.width, s)
                blind = _Stream(c.vlm, self.seen + c.text.length, names)
                yield from self._mix({"vlm": blind, "depth": _Stream(e, t, names)}, s, {}, wanted)
        if not c.predicts_depth:
            return
        pixels = c.image**2
        # The head's input in float32; and of the loss the difference of logarithms, the weights, and what is measured.
        yield self._call(
            "depth head and loss", pictures, outside=F32 * t * e.width + (2 * F32 + 1) * pixels,
            flops=2 * e.width * pixels, trained=self.trains_depth,
        )  # fmt: skip

    def _actions(self, names: tuple[str, ...], lengths: Mapping[str, int]) -> Iterator[Call]:
        c, b, w = self.c, self.batch.samples, self.c.action.width
        yield self._call("state", b, outside=self.size * c.state, flops=2 * c.state * w)
        yield from self._mix({"state": _Stream(c.action, 1, (*names, "state"))}, b, lengths, ())
        count = self.batch.draws * c.horizon
        # Noisy actions; those and time, their product, and what SiLU makes of it.
        yield self._call(
            "noisy actions", b, outside=self.size * count * (c.actions + 4 * w),
            flops=2 * count * (c.actions * w + 3 * w * w),
        )  # fmt: skip
        stream = {"action": _Stream(c.action, count, (*names, "state", "action"))}
        yield from self._mix(stream, b, {**lengths, "state": 1}, ("action",))
        yield self._call("velocity and loss", b, outside=F32 * count * (w + c.actions), flops=2 * count * w * c.actions)

    def _encoder(self, name: str, e: EncoderConfig, out: int, rows: float, trained: bool = True) -> Iterator[Call]:
        side = self.c.image // e.patch
        w, m, t, size, pixels = e.width, e.mlp, side * side, self.size, 3 * e.patch**2
        yield self._call(f"{name} patches", rows, outside=size * t * pixels, flops=2 * t * pixels * w, trained=trained)
        if e.class_token:
            t += 1
        # A gain in float32 makes the tokens float32 from there on; one that was gathered doesn't.
        stream = F32 if e.layer_scale and not self.n.gathered else size
        norm = self.n.layer_norm(w) if stream == size else F32 * w + 2 * F32
        scaled = 2 * size * w if e.layer_scale else 0
        # Norm, its result, queries with keys and values, what was attended to, norm, its result, GELU's in- and output.
        inside = norm + size * w + 3 * size * w + size * w + F32 * e.heads + norm + size * (w + 2 * m) + scaled
        for i in range(e.layers):
            yield self._call(
                f"{name} encoder {i}", rows, inside=t * inside, arrives=t * stream * w,
                flops=t * (8 * w * w + 4 * w * m + 4 * t * w), trained=trained,
            )  # fmt: skip
        if e.layers or w != out:
            last = self.n.layer_norm(w) if e.layers else 0
            yield self._call(
                f"{name} projection",
                rows,
                outside=t * (last + size * w),
                flops=2 * side * side * w * out,
                trained=trained,
            )
        if name == "depth" and self.c.depth_pool > 1:
            yield self._call("depth pooling", rows, outside=size * side * side * out, trained=trained)

    def _mix(
        self, streams: Mapping[str, _Stream], rows: float, cache: Mapping[str, int], wanted: tuple[str, ...]
    ) -> Iterator[Call]:
        """As `model/mixture.py`.

        Args:
            cache: tokens of the streams computed before.
        """
        c = self.c
        parts = {name: places(s.expert.layers or c.layers, c.layers) for name, s in streams.items()}
        own = {"vlm": c.vlm, "depth": c.depth, "state": c.action, "action": c.action}
        lengths = {**cache, **{name: s.tokens for name, s in streams.items()}}
        for i in range(max(p[-1] for p in parts.values()) + 1):
            there = {
                o: t for o, t in lengths.items()
                if (e := own[o]) is not None and i in places(e.layers or c.layers, c.layers)
            }  # fmt: skip
            for name, s in streams.items():
                if i in parts[name]:
                    yield self._inward(name, i, s, rows)
            for name, s in streams.items():
                if i in parts[name] and (i < parts[name][-1] or name in wanted):
                    yield self._attention(name, i, s, rows, {o: there[o] for o in s.sees if o in there})
                    yield self._outward(name, i, s, rows)
        for name in wanted:
            s = streams[name]
            norm = s.tokens * self.n.rms_norm(s.expert.width)
            yield self._call(f"{name} norm", rows, outside=norm, trained=s.trained)

    def _inward(self, name: str, i: int, s: _Stream, rows: float) -> Call:
        c, w, t = self.c, s.expert.width, s.tokens
        wide = (c.heads + 2 * c.key_heads) * c.head_dim
        return self._call(
            f"{name} inward {i}", rows, inside=t * (self.n.rms_norm(w) + self.size * w), arrives=t * self.size * w,
            flops=2 * t * w * wide, trained=s.trained,
        )  # fmt: skip

    def _attention(self, name: str, i: int, s: _Stream, rows: float, seen: Mapping[str, int]) -> Call:
        c, t, size = self.c, s.tokens, self.size
        total, inner = sum(seen.values()), c.heads * c.head_dim
        if len(seen) == 1:
            # Values are a view of the product that queries and keys were turned from.
            keys = size * t * (c.key_heads * c.head_dim + (c.heads + 2 * c.key_heads) * c.head_dim)
        else:
            keys = size * 2 * total * c.key_heads * c.head_dim
        queries = c.heads if c.key_heads == 1 < c.heads else 1
        # A mask of numbers, in each layer; kernels want its rows aligned to eight. FlexAttention has one for all.
        masked = "vlm" in seen and self.n.attention == "sdpa"
        mask = size * queries * t * (-(-total // 8) * 8) if masked else 0
        kept = keys + mask + t * (2 * size * inner + F32 * c.heads)
        return self._call(f"{name} attention {i}", rows, outside=kept, flops=4 * t * total * inner, trained=s.trained)

    def _outward(self, name: str, i: int, s: _Stream, rows: float) -> Call:
        c, w, m, t, size = self.c, s.expert.width, s.expert.mlp, s.tokens, self.size
        inner = c.heads * c.head_dim
        # The result of attention turned round, which copies it; norm, its result, gate with value, and what they make.
        inside = size * inner + self.n.rms_norm(w) + size * (w + 4 * m)
        return self._call(
            f"{name} outward {i}", rows, inside=t * inside, flops=t * (2 * inner * w + 6 * w * m), trained=s.trained
        )

    def _call(
        self, name: str, rows: float, *, inside: float = 0, outside: float = 0, arrives: float = 0, flops: float = 0,
        trained: bool = True,
    ) -> Call:  # fmt: skip
        """Of one row; what isn't trained, and follows nothing that is, keeps nothing."""
        kept = rows if trained else 0
        return Call(name, kept * inside, kept * outside, kept * arrives, rows * flops, trained)
