"""Instructions to token numbers. Hashed words need no vocabulary file, and are the same in every process."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import torch
from torch import Tensor

from depthvla.model.config import TextConfig

PADDING = 0


def words_of(instruction: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", instruction.lower())


def bucket_of(word: str, config: TextConfig) -> int:
    """1 … buckets - 1. CRC-32, since Python's own hash differs between processes."""
    return 1 + zlib.crc32(word.encode()) % (config.vocabulary - 1)


def tokenize(instructions: Sequence[str], config: TextConfig) -> Tensor:
    """int64 ``[B, length]``, padded with 0; longer instructions lose their end."""
    rows = []
    for instruction in instructions:
        ids = [bucket_of(w, config) for w in words_of(instruction)][: config.length]
        rows.append(ids + [PADDING] * (config.length - len(ids)))
    return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), config.length)


def collisions(instructions: Sequence[str], config: TextConfig) -> list[tuple[str, str]]:
    """Pairs of different words that the model can't tell apart."""
    seen: dict[int, str] = {}
    pairs = []
    for word in sorted({w for i in instructions for w in words_of(i)}):
        first = seen.setdefault(bucket_of(word, config), word)
        if first != word:
            pairs.append((first, word))
    return pairs
