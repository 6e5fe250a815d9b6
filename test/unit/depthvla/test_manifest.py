import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import Job, read_job
from depthvla.runtime.manifest import CommitLog, Manifest

SCHEMAS = Path(__file__).parents[3] / "orchestrator" / "protocol" / "schema"
Log = Callable[..., CommitLog]


def job_of(directory: Path, *, fence: int = 1, **changes: object) -> Job:
    directory.mkdir(parents=True, exist_ok=True)
    body = {
        "protocol": 1, "attempt": "a-1", "job": "k" * 64, "stage": "train", "shard": 0, "shards": 1, "fence": fence,
        "command": ["python", "-m", "depthvla"], "code": "/code", "entry": "x", "config": {},
        "inputs": {"demos": {"path": str(directory), "format": None, "digest": "d"}, "labels": None},
        "outputs": ["model"],
        "ranks": 2, "cores": 5, "gpus": [], "store": {"url": f"file://{directory.parent}/store"},
        "prefix": f"jobs/k/s0/{fence}", "resume": [], "checkpoint": {"every": None}, "grace": 30,
        "time": None, "memory": None, "logBytes": 4096, "secrets": None, **changes,
    }  # fmt: skip
    jsonschema.validate(body, json.loads((SCHEMAS / "job-file.json").read_text()))
    (directory / "job.json").write_text(json.dumps(body))
    return read_job(directory, {"RANK": "1", "WORLD_SIZE": "2"})


def test_a_job_file_is_read_as_the_control_plane_writes_it(tmp_path: Path) -> None:
    job = job_of(tmp_path / "a")
    assert (job.rank, job.local_rank, job.world, job.threads) == (1, 1, 2, 2)
    assert job.input("demos") == tmp_path / "a"
    assert not job.has("labels")
    with pytest.raises(WorkerError, match="needs the input `labels`"):
        job.input("labels")


@pytest.mark.parametrize("body", ["", "{}", '{"protocol": 2}', "[]", '{"protocol": 1, "inputs": 3}'])
def test_a_job_file_that_can_not_be_read_is_said(tmp_path: Path, body: str) -> None:
    (tmp_path / "job.json").write_text(body)
    with pytest.raises(WorkerError) as caught:
        read_job(tmp_path, {})
    assert (caught.value.code, caught.value.exit_code) == ("JOB_FILE_INVALID", 64)


def commit(log: CommitLog, tmp_path: Path, step: int, text: str = "x") -> Manifest:
    file = tmp_path / "part"
    file.write_text(text * step)
    return log.commit(step, [log.put(step, file, "part")], {"step": step}, {"python": "3"})


def store_of(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_a_commit_is_read_and_fetched_by_the_next_fence(tmp_path: Path) -> None:
    made = commit(CommitLog(job_of(tmp_path / "a")), tmp_path, 7)
    written = json.loads((store_of(tmp_path) / made.key).read_text())
    jsonschema.validate(written, json.loads((SCHEMAS / "checkpoint-manifest.json").read_text()))
    later = CommitLog(job_of(tmp_path / "b", fence=2))
    read = later.read(made.key)
    assert read == made
    later.fetch(read, tmp_path / "out")
    assert (tmp_path / "out" / "part").read_text() == "x" * 7


def test_a_worker_deletes_no_commit_however_many_it_makes(tmp_path: Path) -> None:
    log = CommitLog(job_of(tmp_path / "a"))
    made = [commit(log, tmp_path, step) for step in range(1, 8)]
    left = {str(p.relative_to(store_of(tmp_path))) for p in store_of(tmp_path).rglob("*") if p.is_file()}
    assert left == {m.key for m in made} | {m.key.replace("manifest.json", "part") for m in made}


def test_a_commit_tells_the_metrics_that_a_number_can_be_kept_of(tmp_path: Path) -> None:
    log = CommitLog(job_of(tmp_path / "a"))
    made = log.commit(1, [], None, {}, {"loss": 0.25, "loss.depth": float("nan"), "grad": float("inf")})
    written = json.loads((store_of(tmp_path) / made.key).read_text())
    jsonschema.validate(written, json.loads((SCHEMAS / "checkpoint-manifest.json").read_text()))
    assert written["metrics"] == {"loss": 0.25}


def test_a_commit_can_not_be_written_twice(tmp_path: Path) -> None:
    commit(CommitLog(job_of(tmp_path / "a")), tmp_path, 1)
    with pytest.raises(WorkerError, match="already written by another attempt"):
        commit(CommitLog(job_of(tmp_path / "a")), tmp_path, 1, text="y")


def test_a_file_is_carried_over_to_the_next_commit_and_outlives_the_first(tmp_path: Path) -> None:
    log = CommitLog(job_of(tmp_path / "a"))
    first = commit(log, tmp_path, 1)
    second = log.commit(2, [log.carry(2, first.files[0], first)], {}, {})
    shutil.rmtree((store_of(tmp_path) / first.key).parent)
    log.fetch(second, tmp_path / "out")
    assert (tmp_path / "out" / "part").read_text() == "x"


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda d: (d / "part").unlink(), "is missing"),
        (lambda d: (d / "part").write_text("xx"), "has 2 bytes, its manifest says 3"),
        (lambda d: (d / "part").write_text("xxy"), "does not have the SHA-256"),
        (lambda d: (d / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda d: (d / "manifest.json").write_text('{"protocol": 1'), "can't be read"),
    ],
)
def test_a_broken_commit_is_refused_with_its_reason(
    tmp_path: Path, harm: Callable[[Path], object], reason: str
) -> None:
    log = CommitLog(job_of(tmp_path / "a"))
    made = commit(log, tmp_path, 3)
    harm((store_of(tmp_path) / made.key).parent)
    with pytest.raises(WorkerError, match=reason) as caught:
        log.fetch(log.read(made.key), tmp_path / "out")
    assert caught.value.code == "CHECKPOINT_BROKEN"


@pytest.mark.parametrize("change", [{"job": "x"}, {"shard": 1}, {"protocol": 2}])
def test_a_commit_of_something_else_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    log = CommitLog(job_of(tmp_path / "a"))
    made = commit(log, tmp_path, 3)
    path = store_of(tmp_path) / made.key
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(WorkerError, match="not of this one"):
        log.read(made.key)


@pytest.mark.parametrize("name", ["../../other", "/etc/passwd", "a/../../b"])
def test_a_manifest_that_names_files_outside_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    log = CommitLog(job_of(tmp_path / "a"))
    made = commit(log, tmp_path, 3)
    path = store_of(tmp_path) / made.key
    body = json.loads(path.read_text())
    body["files"][0]["path"] = name
    path.write_text(json.dumps(body))
    with pytest.raises(WorkerError, match="outside its folder"):
        log.read(made.key)
