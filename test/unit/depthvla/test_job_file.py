"""job.json comes from a control plane; somebody may have changed it since."""

import json
import random
from pathlib import Path

import pytest

from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import read_job
from launcher.job import Job

WHOLE = {
    "protocol": 1, "attempt": "a-1", "job": "k" * 64, "stage": "train", "entry": "train_vla",
    "shard": 0, "shards": 1, "fence": 1, "command": ["python", "-m", "depthvla"], "code": "/code",
    "config": {"steps": 3}, "cache": {"path": "/streams", "bytes": 1000}, "inputs": {
        "demos": {"path": "/demos", "format": None, "digest": "d"}, "labels": None,
        "scenes": {"store": {"url": "s3://a/b"}, "artifact": None, "format": "rgbd-scenes", "digest": "e"},
    },
    "outputs": ["policy"], "ranks": 2, "cores": 2, "gpus": [], "store": {"url": "file:///store"},
    "prefix": "jobs/k/s0/1", "resume": [], "checkpoint": {"every": 100}, "grace": 60, "time": None,
    "memory": None, "logBytes": 4096, "secrets": None,
}  # fmt: skip

ODD: list[object] = [None, True, -1, 0, 1.5, 1e308, 2**70, "", "x", "../..", [], [1], ["x"], {}, {"a": None}]


def damaged(draw: random.Random) -> str:
    """The text of a job.json with one thing wrong, or a few."""
    text = json.dumps(WHOLE)
    if draw.random() < 0.3:
        at = draw.randrange(len(text))
        return text[:at] + draw.choice(["", "\0", "}", '"', "é", "[["]) + text[at + draw.randrange(8) :]
    whole = dict(WHOLE)
    for name in draw.sample(sorted(whole), draw.randrange(1, 4)):
        if draw.random() < 0.3:
            del whole[name]
        else:
            whole[name] = draw.choice(ODD)
    return json.dumps(whole)


@pytest.mark.parametrize("seed", range(20))
def test_a_changed_job_file_is_read_or_refused_with_a_sentence(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    path = tmp_path / "job.json"
    for _ in range(50):
        path.write_text(damaged(draw))
        try:
            job = Job(str(path))
            assert job.ranks >= 1
            assert job.cores >= 1
        except ValueError as error:
            assert str(path) in str(error) or "line" in str(error)  # noqa: PT017
        try:
            told = read_job(tmp_path, {"RANK": "0", "WORLD_SIZE": "1"})
            assert isinstance(told.ranks, int)
            assert all(isinstance(key, str) for key in (*told.resume, *told.outputs))
            assert isinstance(told.config, dict)
        except WorkerError as error:
            assert error.code == "JOB_FILE_INVALID"  # noqa: PT017


def test_a_rank_knows_its_gpu_also_where_a_scheduler_chose_it_and_the_threads_of_its_node(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(json.dumps({**WHOLE, "ranks": 8, "cores": 12}))
    node = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    job = read_job(tmp_path, {**node, "CUDA_VISIBLE_DEVICES": "3"})
    assert (job.gpus, job.threads) == (("3",), 3)
    assert read_job(tmp_path, {**node, "CUDA_VISIBLE_DEVICES": ""}).gpus == ()


def test_a_secret_is_read_from_its_file_and_is_none_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(json.dumps(WHOLE))
    job = read_job(tmp_path, {})
    assert job.secret("HF_TOKEN") is None
    (tmp_path / "secrets.json").write_text('{"HF_TOKEN": "hf_x"}')
    assert job.secret("HF_TOKEN") == "hf_x"
    assert job.secret("OTHER") is None
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(WorkerError, match=r"secrets\.json can't be read"):
        job.secret("HF_TOKEN")
