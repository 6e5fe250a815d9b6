import subprocess
import sys

from depthvla.model.config import TextConfig
from depthvla.model.text import PADDING, bucket_of, collisions, tokenize

CONFIG = TextConfig(vocabulary=128, length=4)


def test_words_are_cut_at_anything_but_letters_and_digits_and_lose_their_case() -> None:
    assert tokenize(["Open the drawer!"], CONFIG).tolist() == tokenize(["open, the DRAWER"], CONFIG).tolist()


def test_short_instructions_are_padded_and_long_ones_cut() -> None:
    rows = tokenize(["open", "a b c d e f"], CONFIG)
    assert rows.shape == (2, 4)
    assert rows[0, 1:].tolist() == [PADDING] * 3
    assert rows[1].tolist() == [bucket_of(w, CONFIG) for w in "abcd"]


def test_no_word_is_padding_and_none_falls_outside_the_buckets() -> None:
    ids = [bucket_of(f"w{i}", CONFIG) for i in range(1000)]
    assert min(ids) == 1
    assert max(ids) == 127


def test_a_word_has_the_same_number_in_every_process() -> None:
    code = "from depthvla.model.text import *; print(bucket_of('drawer', TextConfig()))"
    made = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1",)
    }  # fmt: skip
    assert made == {f"{bucket_of('drawer', TextConfig())}\n"}


def test_words_that_share_a_bucket_are_named() -> None:
    few = TextConfig(vocabulary=2, length=4)
    assert collisions(["open drawer", "open door"], few) == [("door", "drawer"), ("door", "open")]
    assert collisions(["open drawer"], TextConfig(vocabulary=512)) == []
