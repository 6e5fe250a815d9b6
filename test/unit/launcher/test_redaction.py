"""Secrets are struck out wherever a stream is cut."""

from pathlib import Path

import pytest

from launcher.redaction import Redaction, mask_file, read_secrets


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_a_secret_is_struck_out_wherever_the_stream_is_cut(size: int) -> None:
    text = b"token hunter2 and hunter2hunter2, not hunter1, hunt"
    redaction = Redaction([b"hunter2"])
    out = b"".join(redaction.take(text[i : i + size]) for i in range(0, len(text), size)) + redaction.rest()
    assert out == b"token [redacted] and [redacted][redacted], not hunter1, hunt"


def test_without_secrets_nothing_is_held_back() -> None:
    assert Redaction([]).take(b"abc") == b"abc"


def test_only_what_may_begin_a_secret_is_held_back() -> None:
    assert Redaction([b"hunter2"]).take(b"line\nhun") == b"line\n"


def test_secrets_are_read_as_they_are_and_as_json_writes_them(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text('{"A": "plain", "B": "quo\\"te"}')
    assert read_secrets(str(tmp_path)) == [b'quo\\"te', b'quo"te', b"plain"]
    assert read_secrets(str(tmp_path / "nowhere")) == []


def test_a_file_keeps_its_length_when_secrets_are_masked_also_across_pieces(tmp_path: Path) -> None:
    path = tmp_path / "events.0.jsonl"
    filler = b"x" * ((1 << 20) - 3)
    path.write_bytes(filler + b"hunter2" + b"tail hunter2\n")
    mask_file(str(path), [b"hunter2"])
    assert path.read_bytes() == filler + b"*******" + b"tail *******\n"
