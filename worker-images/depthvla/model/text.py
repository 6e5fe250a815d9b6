"""Instructions to token numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from depthvla.model.config import TextConfig
from depthvla.runtime.failure import WorkerError

PADDING = 0
_SHOWN = 80


class Tokenizer(Protocol):
    config: TextConfig
    digest: str
    """SHA-256 of the file that decides the numbers beside the config; empty where there is none."""

    def encode(self, instruction: str) -> list[int]:
        """Token numbers, none of them 0; perhaps more than fit."""

    def collisions(self, instructions: Sequence[str]) -> list[tuple[str, str]]:
        """Pairs of different words that the model can't tell apart."""

    def write(self, folder: Path, instructions: Sequence[str]) -> None:
        """Leaves what `open_tokenizer` reads, or else what a reader wants to know of these instructions."""


def open_tokenizer(config: TextConfig, folder: Path | None) -> Tokenizer:
    """The tokenizer of a model.

    Args:
        folder: PaliGemma's or an exported policy's, with `tokenizer.json` in it; hashed words need none.

    Raises:
        WorkerError: TOKENIZER_INVALID.
    """
    from depthvla.model.pieces import Pieces
    from depthvla.model.words import HashedWords

    return HashedWords(config) if config.tokenizer == "words" else Pieces(config, folder)


def tokenize(instructions: Sequence[str], tokenizer: Tokenizer) -> Tensor:
    """int64 ``[B, length]``, padded with 0.

    Raises:
        WorkerError: INSTRUCTION_TOO_LONG, naming the first that doesn't fit.
    """
    length = tokenizer.config.length
    rows = []
    for instruction in instructions:
        ids = tokenizer.encode(instruction)
        if len(ids) > length:
            message = f"the instruction {_short(instruction)} has {len(ids):,} tokens, at most {length} fit"
            raise WorkerError("INSTRUCTION_TOO_LONG", message, hint="say it in fewer words")
        rows.append(ids + [PADDING] * (length - len(ids)))
    return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), length)


def fits(instruction: str, tokenizer: Tokenizer) -> bool:
    """Whether an instruction can be used; one that can't is left out of training, counted and named."""
    return len(tokenizer.encode(instruction)) <= tokenizer.config.length


def _short(instruction: str) -> str:
    return repr(instruction if len(instruction) <= _SHOWN else instruction[:_SHOWN] + "…")
