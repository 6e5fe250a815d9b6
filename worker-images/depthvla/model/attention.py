"""Attention, and which kernel computes it.

Without a mask scaled_dot_product_attention takes its fastest kernel (flash). With one it takes a slower one, which
reads the whole mask in every layer; there FlexAttention can be had instead, which leaves out what is masked block by
block. It needs a GPU to train, and has been tried forwards on a CPU only.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from depthvla.runtime.failure import CONFIG, WorkerError
from depthvla.runtime.sharing import Attention

Mask = Tensor | BlockMask
_chosen: Attention = "sdpa"


def choose(attention: Attention, device: torch.device) -> None:
    """What computes attention under a mask, in this process from now on.

    Raises:
        WorkerError: ATTENTION_UNSUPPORTED.
    """
    global _chosen
    if attention == "flex" and device.type == "cpu":
        raise WorkerError(
            "ATTENTION_UNSUPPORTED", "attention: flex can't go backward on a CPU",
            hint="use `attention: sdpa`, or a GPU", exit_code=CONFIG,
        )  # fmt: skip
    _chosen = attention


def prepare(mask: Tensor) -> Mask:
    """A mask, bool ``[B or 1, 1, T, S]``, as the chosen kernel takes it; worth doing once for all layers."""
    return mask if _chosen == "sdpa" else block_mask(mask)


def block_mask(mask: Tensor) -> BlockMask:
    """A mask as FlexAttention takes it; one for all of a batch, or one for each."""

    batch, _, t, s = mask.shape
    if batch == 1:
        one = mask[0, 0]
        return create_block_mask(lambda _b, _h, query, key: one[query, key], None, None, t, s, device=mask.device.type)
    return create_block_mask(lambda b, _h, query, key: mask[b, 0, query, key], batch, None, t, s, mask.device.type)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Mask | None) -> Tensor:
    """``[B, N, T, D]`` attends to ``[B, N', S, D]``; N' divides N."""
    if isinstance(mask, BlockMask):
        made: Tensor = _flex(q.device.type)(q, k, v, block_mask=mask, enable_gqa=k.shape[1] != q.shape[1])
        return made
    if k.shape[1] == q.shape[1]:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    if k.shape[1] == 1:
        # One key head for all: the heads of a query are so many queries of that head, and nothing is repeated.
        b, n, t, d = q.shape
        mask = None if mask is None else mask.expand(-1, n, -1, -1).reshape(mask.shape[0], 1, n * t, k.shape[2])
        out: Tensor = F.scaled_dot_product_attention(q.reshape(b, 1, n * t, d), k, v, attn_mask=mask)
        return out.view(b, n, t, d)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)


@cache
def _flex(device: str):  # type: ignore[no-untyped-def]
    # Uncompiled it makes the whole matrix of scores, which is right for a test and nothing else.
    return flex_attention if device == "cpu" else torch.compile(flex_attention, dynamic=False)
