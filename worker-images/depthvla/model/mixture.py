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
from torch.nn import functional as F

from depthvla.model.layers import Expert, rope_table

KeysValues = tuple[Tensor, Tensor]
Cache = Mapping[str, Sequence[KeysValues]]
"""Of each stream, its keys and values ``[B, N', T, D]`` in every layer."""


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
    cache: Mapping[str, list[KeysValues]]


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
    hidden = {name: s.tokens for name, s in streams.items()}
    tables = {name: rope_table(s.positions, head_dim, rope_base) for name, s in streams.items()}
    made: dict[str, list[KeysValues]] = {name: [] for name in streams}
    lengths = {name: s.tokens.shape[1] for name, s in streams.items()}
    lengths |= {name: layers[0][0].shape[2] for name, layers in cache.items()}
    masks = {name: _mask(name, s, lengths, valid) for name, s in streams.items()}
    depth = len(next(iter(streams.values())).expert.layers)
    for i in range(depth):
        queries: dict[str, Tensor] = {}
        for name, s in streams.items():
            q, k, v = s.expert.layer(i).project(hidden[name], tables[name])
            queries[name] = q
            made[name].append((k, v))
        for name, s in streams.items():
            if i == depth - 1 and name not in wanted:
                continue
            keys, values = _gather([made[o][i] if o in made else cache[o][i] for o in s.sees])
            hidden[name] = s.expert.layer(i).merge(hidden[name], _attend(queries[name], keys, values, masks[name]))
    return Mixed({name: streams[name].expert.norm(hidden[name]) for name in wanted}, made)


def _gather(parts: Sequence[KeysValues]) -> KeysValues:
    if len(parts) == 1:
        return parts[0]
    return torch.cat([k for k, _ in parts], dim=2), torch.cat([v for _, v in parts], dim=2)


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """``[B, N, T, D]`` attends to ``[B, N', S, D]``; N' divides N."""
    if k.shape[1] != q.shape[1]:
        repeat = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(repeat, dim=1), v.repeat_interleave(repeat, dim=1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def _mask(name: str, s: Stream, lengths: Mapping[str, int], valid: Mapping[str, Tensor]) -> Tensor | None:
    """bool ``[B or 1, 1, T, S]`` over the streams that `s` sees, or None when it sees every token of them."""
    if s.within is None and not any(o in valid for o in s.sees):
        return None
    t, device = s.tokens.shape[1], s.tokens.device
    batch = next((valid[o].shape[0] for o in s.sees if o in valid), 1)
    parts: list[Tensor] = []
    for o in s.sees:
        part = torch.ones(batch, t, lengths[o], dtype=torch.bool, device=device)
        if o in valid:
            part = part & valid[o][:, None, :]
        if o == name and s.within is not None:
            part = part & s.within
        parts.append(part)
    return torch.cat(parts, dim=2)[:, None]
