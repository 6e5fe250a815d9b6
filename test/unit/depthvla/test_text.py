import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from depthvla.model.config import ModelConfig, TextConfig
from depthvla.model.pieces import Pieces
from depthvla.model.policy import Policy
from depthvla.model.text import PADDING, fits, open_tokenizer, tokenize
from depthvla.model.words import HashedWords
from depthvla.runtime.failure import WorkerError

WORDS = HashedWords(TextConfig(vocabulary=128, length=4))
PIECES = TextConfig("sentencepiece", vocabulary=400, length=16)


@pytest.fixture
def paligemma(tmp_path: Path) -> Path:
    """A small tokenizer made as Gemma's is: byte pairs that fall back on bytes, ▁ for a space, special tokens first."""
    made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    first = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=first, show_progress=False)
    made.train_from_iterator(["open the drawer", "press the button", "close the door", "press the door"] * 9, trainer)
    made.add_tokens(["\n"])
    # As PaliGemma's file has it: these must neither be added twice nor cut anything off.
    made.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    made.enable_padding(length=64)
    made.enable_truncation(3)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_words_are_cut_at_anything_but_letters_and_digits_and_lose_their_case() -> None:
    assert tokenize(["Open the drawer!"], WORDS).tolist() == tokenize(["open, the DRAWER"], WORDS).tolist()


def test_short_instructions_are_padded() -> None:
    row = tokenize(["open it"], WORDS)[0].tolist()
    assert row == [WORDS.bucket_of("open"), WORDS.bucket_of("it"), PADDING, PADDING]


def test_an_instruction_that_is_too_long_is_named() -> None:
    assert fits("a b c d", WORDS)
    assert not fits("a b c d e", WORDS)
    with pytest.raises(WorkerError, match="the instruction 'a b c d e' has 5 tokens, at most 4 fit") as caught:
        tokenize(["open", "a b c d e"], WORDS)
    assert caught.value.code == "INSTRUCTION_TOO_LONG"


def test_no_word_is_padding_and_none_falls_outside_the_buckets() -> None:
    ids = [WORDS.bucket_of(f"w{i}") for i in range(1000)]
    assert min(ids) == 1
    assert max(ids) == 127


def test_a_word_has_the_same_number_in_every_process() -> None:
    code = (
        "from depthvla.model.words import *; from depthvla.model.config import *;"
        "print(HashedWords(TextConfig()).bucket_of('drawer'))"
    )
    environment = {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "1"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(said.stdout) == HashedWords(TextConfig()).bucket_of("drawer")


def test_words_that_share_a_bucket_are_named() -> None:
    few = HashedWords(TextConfig(vocabulary=2, length=4))
    assert few.collisions(["open drawer", "open door"]) == [("door", "drawer"), ("door", "open")]
    assert HashedWords(TextConfig()).collisions(["open drawer"]) == []


def test_pieces_are_bos_text_and_a_line_break(paligemma: Path) -> None:
    tokenizer = open_tokenizer(PIECES, paligemma)
    row = tokenize(["  open_the drawer\n"], tokenizer)[0].tolist()
    ids = [i for i in row if i != PADDING]
    names = Tokenizer.from_file(str(paligemma / "tokenizer.json"))
    assert ids[0] == 2
    assert "".join(names.id_to_token(i) for i in ids[1:]) == "open▁the▁drawer\n"
    assert names.id_to_token(ids[-1]) == "\n"
    assert row[len(ids) :] == [PADDING] * (16 - len(ids))


def test_a_special_token_in_an_instruction_is_only_text_and_what_no_piece_has_is_bytes(paligemma: Path) -> None:
    tokenizer = Pieces(PIECES, paligemma)
    assert 1 not in tokenizer.encode("open <eos>")
    names = Tokenizer.from_file(str(paligemma / "tokenizer.json"))
    assert [names.id_to_token(i) for i in tokenizer.encode("é")][1:-1] == ["<0xC3>", "<0xA9>"]


def test_pieces_too_many_are_an_error_too(paligemma: Path) -> None:
    tokenizer = Pieces(PIECES, paligemma)
    assert not fits("é" * 8, tokenizer)
    with pytest.raises(WorkerError, match="has 18 tokens, at most 16 fit"):
        tokenize(["é" * 8], tokenizer)


def test_a_tokenizer_that_does_not_go_with_the_model_is_refused(paligemma: Path) -> None:
    with pytest.raises(WorkerError, match=r"tokenizer\.json has \d+ tokens, the model 300"):
        Pieces(replace(PIECES, vocabulary=300), paligemma)
    with pytest.raises(WorkerError, match=r"needs PaliGemma's tokenizer\.json"):
        Pieces(PIECES, None)
    path = paligemma / "tokenizer.json"
    path.write_text(path.read_text().replace("<pad>", "<pod>"))
    with pytest.raises(WorkerError, match="<bos> is 2 and <pad> is None"):
        Pieces(PIECES, paligemma)
    path.write_text("{")
    with pytest.raises(WorkerError, match=r"tokenizer\.json can't be read"):
        Pieces(PIECES, paligemma)


def test_a_policy_takes_its_tokenizer_along(paligemma: Path, export: Callable[..., Path], small: ModelConfig) -> None:
    folder = export(replace(small, text=PIECES))
    assert Policy.load(folder).tokenizer.encode("open it") == Pieces(PIECES, paligemma).encode("open it")
    path = folder / "tokenizer.json"
    path.write_text(path.read_text() + "\n")
    with pytest.raises(WorkerError, match="the tokenizer's SHA-256 is"):
        Policy.load(folder)
