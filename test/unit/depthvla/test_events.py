import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from depthvla.runtime.events import Events
from depthvla.runtime.failure import WorkerError

PROTOCOL = Path(__file__).parents[3] / "orchestrator" / "protocol" / "schema"
SCHEMA = json.loads((PROTOCOL / "worker-event.json").read_text())


def lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_rank_0_tells_everything_in_the_shapes_of_the_protocol(tmp_path: Path) -> None:
    events = Events(tmp_path / "e", 0)
    events.hello(device="cpu x86_64", world=2)
    events.progress(3, 10, "steps")
    events.busy("evaluating", 60)
    events.metric("loss", 0.5, 3)
    events.sample("depth", "samples/depth.png", "held out")
    events.checkpoint(3, "jobs/k/manifest.json", 100, 1.5)
    events.artifact("model", "small")
    events.warning("odd")
    events.done({"success.mean": {"k": 3, "n": 4}, "absrel": 0.2}, "good")
    events.failed("X", "why", "what to do")
    said = lines(tmp_path / "e")
    for event in said:
        jsonschema.validate(event, SCHEMA, jsonschema.Draft202012Validator)
    assert [e["type"] for e in said] == [
        "hello", "progress", "busy", "metric", "sample", "checkpoint", "artifact", "warning", "done", "failed"
    ]  # fmt: skip
    assert all(isinstance(e["t"], int) for e in said)
    assert said[0]["versions"].keys() >= {"python", "torch", "numpy"}
    assert said[8]["metrics"] == {"success.mean": {"k": 3, "n": 4}, "absrel": 0.2}


def test_other_ranks_say_only_what_is_their_own(tmp_path: Path) -> None:
    events = Events(tmp_path / "e", 1)
    events.progress(1, 2, "steps")
    events.busy("saving")
    events.metric("loss", 1.0)
    events.done({})
    events.warning("odd")
    events.failed("X", "why")
    assert [e["type"] for e in lines(tmp_path / "e")] == ["warning", "failed"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_no_number_is_left_out_and_said_once(tmp_path: Path, value: float) -> None:
    events = Events(tmp_path / "e", 0)
    for step in range(3):
        events.metric("loss", value, step)
    assert [e["type"] for e in lines(tmp_path / "e")] == ["warning"]


def test_a_result_that_is_no_number_is_a_failure(tmp_path: Path) -> None:
    events = Events(tmp_path / "e", 0)
    with pytest.raises(WorkerError, match="absrel is nan"):
        events.done({"absrel": math.nan})
    assert lines(tmp_path / "e") == []


def test_two_writers_of_one_file_never_mix_their_lines(tmp_path: Path) -> None:
    first, second = Events(tmp_path / "e", 0), Events(tmp_path / "e", 0)
    for i in range(100):
        (first if i % 2 else second).warning("x" * i)
    assert [len(e["message"]) for e in lines(tmp_path / "e")] == list(range(100))
