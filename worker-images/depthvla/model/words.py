"""Words hashed into buckets: a tokenizer that needs no file."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

from depthvla.model.config import TextConfig

FILE = "vocabulary.json"


class HashedWords:
    """A word is a bucket, the same in every process; case and punctuation are lost."""

    digest = ""

    def __init__(self, config: TextConfig) -> None:
        self.config = config

    def encode(self, instruction: str) -> list[int]:
        return [self.bucket_of(word) for word in words_of(instruction)]

    def bucket_of(self, word: str) -> int:
        """1 … vocabulary - 1. CRC-32, since Python's own hash differs between processes."""
        return 1 + zlib.crc32(word.encode()) % (self.config.vocabulary - 1)

    def collisions(self, instructions: Sequence[str]) -> list[tuple[str, str]]:
        seen: dict[int, str] = {}
        pairs = []
        for word in _vocabulary(instructions):
            first = seen.setdefault(self.bucket_of(word), word)
            if first != word:
                pairs.append((first, word))
        return pairs

    def write(self, folder: Path, instructions: Sequence[str]) -> None:
        """Leaves the buckets of these instructions' words: nobody needs it to read them, only to understand."""
        words = {word: self.bucket_of(word) for word in _vocabulary(instructions)}
        body = {"kind": "crc32", "buckets": self.config.vocabulary, "words": words}
        (folder / FILE).write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def words_of(instruction: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", instruction.lower())


def _vocabulary(instructions: Sequence[str]) -> list[str]:
    return sorted({word for instruction in instructions for word in words_of(instruction)})
