"""PaliGemma's tokenizer, from the `tokenizer.json` in its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from depthvla.model.config import TextConfig
from depthvla.model.text import PADDING
from depthvla.runtime.failure import CONFIG, WorkerError

FILE = "tokenizer.json"


class Pieces:
    """`<bos>`, the text, and a line break that ends it: PaliGemma's own prompt, and openpi's for π0.

    Raises:
        WorkerError: TOKENIZER_INVALID.
    """

    def __init__(self, config: TextConfig, folder: Path | None) -> None:
        # Only now: a model that hashes words doesn't need it.
        from tokenizers import Tokenizer

        self.config = config
        if folder is None:
            raise _invalid(f"this preset needs PaliGemma's {FILE}", "bind PaliGemma's folder to the input `paligemma`")
        path = folder / FILE
        try:
            self._file = path.read_bytes()
            self._pieces = Tokenizer.from_str(self._file.decode())
        except Exception as error:  # tokenizers has no class of its own for what is wrong with a file
            raise _invalid(f"{path} can't be read: {error}") from error
        self.digest = hashlib.sha256(self._file).hexdigest()
        self._pieces.no_padding()
        self._pieces.no_truncation()
        # An instruction that has "<eos>" in it is a text about it, not an end.
        self._pieces.encode_special_tokens = True
        bos, pad = (self._pieces.token_to_id(name) for name in ("<bos>", "<pad>"))
        if bos is None or pad != PADDING:
            raise _invalid(f"{path}: <bos> is {bos} and <pad> is {pad}; PaliGemma's are 2 and {PADDING}")
        size = max(self._pieces.get_vocab().values()) + 1
        if size > config.vocabulary:
            raise _invalid(f"{path} has {size:,} tokens, the model {config.vocabulary:,}")
        self._bos: int = bos
        self._end = self._ids("\n")

    def encode(self, instruction: str) -> list[int]:
        text = instruction.strip().replace("_", " ").replace("\n", " ")
        return [self._bos, *self._ids(text), *self._end]

    def collisions(self, instructions: Sequence[str]) -> list[tuple[str, str]]:
        return []

    def write(self, folder: Path, instructions: Sequence[str]) -> None:
        (folder / FILE).write_bytes(self._file)

    def _ids(self, text: str) -> list[int]:
        return list(self._pieces.encode(text, add_special_tokens=False).ids)


def _invalid(message: str, hint: str | None = None) -> WorkerError:
    return WorkerError("TOKENIZER_INVALID", message, hint=hint, exit_code=CONFIG)
