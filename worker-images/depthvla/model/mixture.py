"""The mixture of transformers: streams of tokens, each with its expert's weights, attending to each other.

Which stream sees which is a table. A dense mask over all tokens says the same, but computes what it then throws away:
with the block mask, VLM and depth never meet, and the prefix never sees the actions, so its keys and values are
computed once and serve all flow steps.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from depthvla.model.attention import Mask, attend, prepare
from depthvla.model.layers import Expert, Layer, rope_table
from depthvla.model.precision import as_computed

KeysValues = tuple[Tensor, Tensor]
Cache = Mapping[str, Sequence[KeysValues | None]]
"""Of each stream, its keys and values ``[B, N', T, D]`` in every layer; None where its expert has no part."""


@dataclass(frozen=True)
class Stream:
    """Tokens that one expert carries."""

    expert: Expert
    tokens: Tensor
    """``[B, T, W]``"""
    positions: Tensor
    """``[T]``"""
    sees: tuple[str, ...]
    """Names of the streams that it attends to."""
    within: Tensor | None = None
    """bool ``[T, T]``: which of its own tokens each sees; None: all."""


@dataclass(frozen=True)
class Mixed:
    hidden: Mapping[str, Tensor]
    """Of the streams asked for, the tokens after the last layer and norm ``[B, T, W]``."""
    cache: Mapping[str, list[KeysValues | None]]


def mix(
    streams: Mapping[str, Stream],
    *,
    head_dim: int,
    rope_base: float,
    valid: Mapping[str, Tensor] | None = None,
    cache: Cache | None = None,
    wanted: Collection[str] | None = None,
) -> Mixed:
    """Carries streams through all layers.

    Args:
        streams: the streams to compute.
        valid: bool ``[B, T]`` of streams with padding; padding is seen by none.
        cache: keys and values of streams computed before, which these may attend to.
        wanted: the streams whose result is needed (default: all). Of others the last layer yields only keys and
            values: what comes after them is read by nobody.
    """
    cache, valid = cache or {}, valid or {}
    wanted = streams.keys() if wanted is None else wanted
    hidden = {name: as_computed(s.tokens) for name, s in streams.items()}
    tables = {name: rope_table(s.positions, head_dim, rope_base) for name, s in streams.items()}
    made: dict[str, list[KeysValues | None]] = {name: [] for name in streams}
    lengths = {name: s.tokens.shape[1] for name, s in streams.items()}
    lengths |= {name: next(layer for layer in layers if layer)[0].shape[2] for name, layers in cache.items()}
    masks = _Masks(streams, lengths, valid)
    parts = {name: list(s.expert.in_mixture()) for name, s in streams.items()}
    for i in range(max(map(len, parts.values()))):
        queries: dict[str, Tensor] = {}
        here: dict[str, Layer] = {}
        for name in streams:
            if (layer := parts[name][i]) is None:
                made[name].append(None)
                continue
            here[name] = layer
            queries[name], k, v = layer.inward(hidden[name], tables[name])
            made[name].append((k, v))
        for name, layer in here.items():
            if i == len(parts[name]) - 1 and name not in wanted:
                continue
            seen = {o: kv for o in streams[name].sees if (kv := (made[o] if o in made else cache[o])[i]) is not None}
            keys, values = _gather(list(seen.values()))
            attended = attend(queries[name], keys, values, masks.of(name, tuple(seen)))
            hidden[name] = layer.outward(hidden[name], attended)
    return Mixed({name: streams[name].expert.norm(hidden[name]) for name in wanted}, made)


def _gather(parts: Sequence[KeysValues]) -> KeysValues:
    if len(parts) == 1:
        return parts[0]
    return torch.cat([k for k, _ in parts], dim=2), torch.cat([v for _, v in parts], dim=2)


class _Masks:
    """The masks of streams over those that they see. An expert that sits layers out leaves a smaller one there."""

    def __init__(self, streams: Mapping[str, Stream], lengths: Mapping[str, int], valid: Mapping[str, Tensor]) -> None:
        self.streams, self.lengths, self.valid = streams, lengths, valid
        self._made: dict[tuple[str, tuple[str, ...]], Mask | None] = {}

    def of(self, name: str, seen: tuple[str, ...]) -> Mask | None:
        """``[B or 1, 1, T, S]`` over the streams `seen`, or None when every token of them is."""
        key = (name, seen)
        if key not in self._made:
            self._made[key] = self._make(name, seen)
        return self._made[key]

    def _make(self, name: str, seen: tuple[str, ...]) -> Mask | None:
        s = self.streams[name]
        if s.within is None and not any(o in self.valid for o in seen):
            return None
        t, device = s.tokens.shape[1], s.tokens.device
        batch = next((self.valid[o].shape[0] for o in seen if o in self.valid), 1)
        parts: list[Tensor] = []
        for o in seen:
            part = torch.ones(batch, t, self.lengths[o], dtype=torch.bool, device=device)
            if o in self.valid:
                part = part & self.valid[o][:, None, :]
            if o == name and s.within is not None:
                part = part & s.within
            parts.append(part)
        return prepare(torch.cat(parts, dim=2)[:, None])
