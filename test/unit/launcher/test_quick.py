import json
import random
import signal
from pathlib import Path

import pytest

from launcher.quick import Json, dump_json, read_json, signal_name, write_json

VALUES: list[Json] = [
    None,
    True,
    False,
    0,
    -1,
    2**70,
    1.5,
    -1e-9,
    1e300,
    "",
    'a "quoted" \\ \n \u0000 line',
    "Grüße, 世界 🤖",
    [],
    {},
    [[], [{}]],
    {"a": {"b": [1, None, {"c": "d"}]}, "": 0},
]


@pytest.mark.parametrize("value", VALUES)
def test_what_is_written_is_read_by_everybody(value: Json, tmp_path: Path) -> None:
    assert json.loads(dump_json(value)) == value
    assert read_json(dump_json(value)) == value
    write_json(str(tmp_path / "value.json"), value)
    assert json.loads((tmp_path / "value.json").read_text()) == value
    assert list(tmp_path.iterdir()) == [tmp_path / "value.json"]


@pytest.mark.parametrize("value", VALUES)
def test_what_others_write_is_read(value: Json) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=2), f"\n {json.dumps(value, ensure_ascii=False)}\n\t"):
        assert read_json(text) == value
        assert type(read_json(text)) is type(value)


@pytest.mark.parametrize("text", ["", " ", "{", "[1,]", "{} {}", "nul", '{"a":}', "'a'", "\ufeff{}"])
def test_what_is_no_json_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 1|BOM"):
        read_json(text)


def test_a_file_cut_anywhere_is_never_taken_for_a_whole_one() -> None:
    text = json.dumps({"command": ["python", "x.py"], "ranks": 12, "time": None, "text": "ü"})
    draw = random.Random(0)
    for end in {draw.randrange(len(text)) for _ in range(60)}:
        with pytest.raises(ValueError, match=r"line 1"):
            read_json(text[:end])


def test_signals_are_named_as_in_signal_h() -> None:
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGUSR1):
        assert signal_name(number) == number.name
    assert signal_name(50) == "SIG50"
