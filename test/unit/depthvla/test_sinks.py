import json
import random
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from depthvla.runtime.events import Events, Metric
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import Job, read_job
from depthvla.runtime.sinks import Sinks, open_sinks
from depthvla.runtime.wandb_log import BLOCK, records


class Book:
    """Writes down what it is told, until it runs out of ink."""

    def __init__(self, ink: int) -> None:
        self.told: list[tuple[object, ...]] = []
        self.ink = ink

    def write(self, *what: object) -> None:
        if len(self.told) == self.ink:
            raise OSError("no ink")
        self.told.append(what)

    def metric(self, name: str, value: float, step: int) -> None:
        self.write(name, value, step)

    def sample(self, name: str, path: Path, caption: str | None, step: int) -> None:
        self.write(name, path, caption, step)

    def results(self, metrics: Mapping[str, Metric], step: int) -> None:
        self.write(dict(metrics), step)

    def flush(self) -> None:
        self.write("flush")

    def close(self) -> None:
        self.write("close")


def said(path: Path, kind: str) -> list[dict[str, Any]]:
    return [e for e in map(json.loads, path.read_text().splitlines()) if e["type"] == kind]


def test_what_is_told_goes_to_every_sink_at_the_step_that_it_is_of(tmp_path: Path) -> None:
    events, book, opened = Events(tmp_path / "e", 0), Book(100), []
    events.sinks = Sinks({"book": lambda step: opened.append(step) or book}, events.warning)
    events.progress(10, 20, "steps")
    assert opened == []
    events.metric("loss", 0.5, 10)
    events.metric("loss", float("nan"), 11)
    events.sample("depth", "samples/depth.png", "held out")
    events.checkpoint(10, "k", 1, 0.5)
    events.done({"absrel": 0.2})
    events.sinks.close()
    assert opened == [10]
    assert book.told == [
        ("loss", 0.5, 10), ("depth", tmp_path / "samples/depth.png", "held out", 10), ("flush",),
        ({"absrel": 0.2}, 10), ("close",),
    ]  # fmt: skip


def test_a_sink_that_fails_is_left_with_one_warning_and_the_others_go_on(tmp_path: Path) -> None:
    events, full, fine = Events(tmp_path / "e", 0), Book(2), Book(100)
    makers = {"full": lambda _: full, "fine": lambda _: fine, "broken": lambda _: Book(1 // 0)}
    events.sinks = Sinks(makers, events.warning)
    for step in range(5):
        events.metric("loss", 1.0, step)
    events.sinks.close()
    assert len(fine.told) == 6
    assert [e["message"] for e in said(tmp_path / "e", "warning")] == [
        "broken gets nothing more of this attempt: ZeroDivisionError: integer division or modulo by zero",
        "full gets nothing more of this attempt: OSError: no ink",
    ]
    assert len(said(tmp_path / "e", "metric")) == 5


def job(directory: Path, rank: int, **metrics: object) -> Job:
    raw = {
        "protocol": 1, "attempt": "a-1", "job": "k" * 64, "stage": "train", "entry": "train_vla", "shard": 0,
        "shards": 1, "fence": 1, "config": {}, "inputs": {}, "outputs": [], "ranks": 2, "cores": 2, "gpus": [],
        "store": {"url": "file:///store"}, "prefix": "jobs/k/s0/1", "resume": [], "checkpoint": {"every": None},
        "grace": 60, "metrics": {"folder": "/curves", "name": "train", "tensorboard": False, "wandb": None} | metrics,
    }  # fmt: skip
    (directory / "job.json").write_text(json.dumps(raw))
    return read_job(directory, {"RANK": str(rank), "WORLD_SIZE": "2"})


@pytest.mark.parametrize(
    ("package", "asked"),
    [("tensorboard", {"tensorboard": True}), ("wandb", {"wandb": {"project": "p", "entity": None, "mode": "online"}})],
)
def test_a_package_that_is_not_there_is_an_error_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, asked: dict[str, object]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(WorkerError, match=f"metrics.{package}.*{package} is not installed") as failure:
        open_sinks(job(tmp_path, 0, **asked))
    assert failure.value.exit_code == 78
    open_sinks(job(tmp_path, 1, **asked))
    open_sinks(job(tmp_path, 0))


def wandb_file(wanted: list[bytes]) -> bytes:
    """A log as its writer makes it: no part of a record crosses the end of a block."""
    data = bytearray(b":W&B\xe1\xbe\0")
    for record in wanted:
        rest, first = record, True
        while first or rest:
            left = BLOCK - len(data) % BLOCK
            if left < 7:
                data += bytes(left)
                continue
            part, rest = rest[: left - 7], rest[left - 7 :]
            kind = (1 if first else 4) if not rest else (2 if first else 3)
            data += struct.pack("<IHB", 0, len(part), kind) + part
            first = False
    return bytes(data)


@pytest.mark.parametrize("seed", range(5))
def test_records_of_wandb_are_read_across_blocks_and_up_to_where_the_file_was_torn(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    wanted = [draw.randbytes(draw.choice([0, 5, 300, 32_750, 70_000])) for _ in range(40)]
    path, whole = tmp_path / "run.wandb", wandb_file(wanted)
    path.write_bytes(whole)
    assert list(records(path)) == wanted
    for _ in range(20):
        path.write_bytes(whole[: draw.randrange(len(whole))])
        found = list(records(path))
        assert found == wanted[: len(found)]
        assert len(found) < len(wanted)
