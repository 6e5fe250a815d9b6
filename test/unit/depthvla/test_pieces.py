import json
from pathlib import Path

import pytest

from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import Job, read_job
from depthvla.runtime.pieces import Pieces


def job_of(directory: Path, resume: list[str] | None = None, fence: int = 1) -> Job:
    directory.mkdir()
    body = {
        "protocol": 1, "attempt": "a", "job": "k" * 64, "stage": "s", "shard": 0, "shards": 1, "fence": fence,
        "command": [], "code": "/code", "entry": "x", "config": {}, "inputs": {}, "outputs": [], "ranks": 1, "cores": 1,
        "gpus": [], "store": {"url": f"file://{directory.parent}/store"}, "prefix": f"jobs/k/s0/{fence}",
        "resume": resume or [], "checkpoint": {"every": None}, "grace": 30,
    }  # fmt: skip
    (directory / "job.json").write_text(json.dumps(body))
    return read_job(directory, {})


def finish(pieces: Pieces, folder: Path, name: str, count: int = 1) -> None:
    (folder / name).write_text(name)
    pieces.add(name, [name], count)


def events(directory: Path, kind: str) -> list[dict[str, object]]:
    lines = (directory / "events.0.jsonl").read_text().splitlines()
    return [e for e in map(json.loads, lines) if e["type"] == kind]


@pytest.fixture
def committed(tmp_path: Path) -> list[str]:
    """Two commits, newest first."""
    pieces = Pieces(job_of(tmp_path / "first"), tmp_path / "first", "m", 0)
    for name in ("a", "b"):
        finish(pieces, tmp_path / "first", name, 3)
        pieces.commit_when_due()
    pieces.commit()  # nothing new
    said = events(tmp_path / "first", "checkpoint")
    assert [e["step"] for e in said] == [3, 6]
    return [str(e["manifest"]) for e in reversed(said)]


def test_pieces_that_were_committed_are_there_again_with_their_files(tmp_path: Path, committed: list[str]) -> None:
    folder = tmp_path / "second"
    pieces = Pieces(job_of(folder, committed, 2), folder, "m", 0)
    assert (list(pieces.done), pieces.count) == (["a", "b"], 6)
    assert [(folder / name).read_text() for name in "ab"] == ["a", "b"]
    finish(pieces, folder, "c")
    pieces.commit()
    manifest = json.loads((tmp_path / "store" / str(events(folder, "checkpoint")[0]["manifest"])).read_text())
    assert [f["path"] for f in manifest["files"]] == ["a", "b", "c"]
    assert manifest["parent"] == committed[0]


def test_a_broken_commit_is_said_and_the_one_before_is_taken(tmp_path: Path, committed: list[str]) -> None:
    (tmp_path / "store" / committed[0]).with_name("b").write_text("x")
    pieces = Pieces(job_of(tmp_path / "second", committed, 2), tmp_path / "second", "m", 0)
    assert list(pieces.done) == ["a"]
    assert len(events(tmp_path / "second", "warning")) == 1


def test_another_maker_s_pieces_are_not_taken(tmp_path: Path, committed: list[str]) -> None:
    assert Pieces(job_of(tmp_path / "second", committed, 2), tmp_path / "second", "n", 0).done == {}


@pytest.mark.parametrize(("every", "commits"), [(0.0, 2), (1e-9, 1)])
def test_commits_that_take_long_are_done_more_seldom_unless_each_piece_is_asked_for(
    tmp_path: Path, every: float, commits: int
) -> None:
    pieces = Pieces(job_of(tmp_path / "first"), tmp_path / "first", "m", every)
    for number in range(200):
        finish(pieces, tmp_path / "first", f"{number}")
    pieces.commit_when_due()
    finish(pieces, tmp_path / "first", "last")
    pieces.commit_when_due()
    assert len(events(tmp_path / "first", "checkpoint")) == commits


def test_nothing_begins_from_nothing_because_the_store_is_away(tmp_path: Path, committed: list[str]) -> None:
    (tmp_path / "store").rename(tmp_path / "away")
    job = job_of(tmp_path / "second", committed, 2)
    with pytest.raises(WorkerError, match="may not be mounted") as caught:
        Pieces(job, tmp_path / "second", "m", 0)
    assert (caught.value.code, caught.value.exit_code) == ("STORE_UNREACHABLE", 75)


def test_a_store_that_takes_nothing_is_said_once_and_the_work_goes_on(tmp_path: Path) -> None:
    pieces = Pieces(job_of(tmp_path / "first"), tmp_path / "first", "m", 0)
    store = tmp_path / "store"
    store.rename(tmp_path / "away")
    store.write_text("no folder")
    for name in "ab":
        finish(pieces, tmp_path / "first", name)
        pieces.commit()
    store.unlink()
    (tmp_path / "away").rename(store)
    pieces.commit()
    assert [e["step"] for e in events(tmp_path / "first", "checkpoint")] == [2]
    said = [str(e["message"]) for e in events(tmp_path / "first", "warning")]
    assert ["saving fails since step 1" in text for text in said] == [True, False]
    assert "saving works again: step 2 is saved" in said[1]
