import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from depthvla.data import measure_statistics as measuring
from depthvla.data import statistics as stats
from depthvla.data.mixture import MixtureSettings
from depthvla.data.mixture_file import open_mixture
from depthvla.data.recording import Recording
from depthvla.data.rlds_writer import BRIDGE_FORMAT, write_rlds
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import read_job
from depthvla.runtime.stage import find_stage

Make = Callable[..., Recording]
Write = Callable[..., None]


def test_of_one_dataset_they_are_numpys(tmp_path: Path, record: Make, write_v3: Write) -> None:
    recordings = [record(i, 4 + i) for i in range(6)]
    write_v3(tmp_path, recordings, 2)
    measured = measuring.measure_statistics(open_mixture(tmp_path, MixtureSettings()))
    action = np.concatenate([r.action for r in recordings])
    spread = measured.mixture.action
    assert spread.count == [len(action)] * 2
    assert_allclose(spread.mean, action.mean(axis=0, dtype=np.float64), rtol=1e-12)
    assert_allclose(spread.std, action.astype(np.float64).std(axis=0), rtol=1e-12)
    assert_array_equal(spread.min, action.min(axis=0))
    assert_array_equal(spread.max, action.max(axis=0))
    assert_allclose([spread.q01, spread.q99], np.quantile(action.astype(np.float64), (0.01, 0.99), axis=0), rtol=1e-9)
    assert measured.datasets[tmp_path.name].action == spread


def test_quantiles_of_a_mixture_are_of_what_training_sees(tmp_path: Path, record: Make, write_v21: Write) -> None:
    few, many = record(0, 3), record(1, 12)
    for name, recording in (("few", few), ("many", many)):
        write_v21(tmp_path / name, [recording])
    (tmp_path / "mixture.json").write_text(
        json.dumps(
            {"datasets": [{"path": "few", "weight": 1}, {"path": "many", "weight": 2, "action_dimensions": [1, -1]}]}
        )
    )
    measured = measuring.measure_statistics(open_mixture(tmp_path, MixtureSettings()))
    # Each frame of `few` counts as two of `many`: 3 * 2 to 12, which is 1 to 2.
    seen = np.concatenate([few.action[:, 0].repeat(2), many.action[:, 1]]).astype(np.float64)
    assert_allclose(measured.mixture.action.mean[0], seen.mean(), rtol=1e-6)
    assert_allclose(measured.mixture.action.std[0], seen.std(), rtol=1e-6)
    assert seen.min() <= measured.mixture.action.q01[0] < measured.mixture.action.q99[0] <= seen.max()
    # The second dimension is there in `few` alone.
    assert measured.mixture.action.count == [15, 3]
    assert_allclose(measured.mixture.action.mean[1], few.action[:, 1].mean(), rtol=1e-6)
    assert measured.datasets["many"].action.count == [12, 0]


def test_of_very_many_frames_every_nth_is_looked_at(
    tmp_path: Path, record: Make, write_v21: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = [record(i, 11) for i in range(4)]
    write_v21(tmp_path, recordings)
    monkeypatch.setattr(measuring, "SAMPLED", 15)
    spread = measuring.measure_statistics(open_mixture(tmp_path, MixtureSettings())).mixture.action
    action = np.concatenate([r.action for r in recordings])
    assert spread.count == [44, 44]
    assert_allclose(spread.q99, np.quantile(action[::3].astype(np.float64), 0.99, axis=0), rtol=1e-6)


def test_what_is_written_is_read_and_what_was_changed_is_an_error(
    tmp_path: Path, record: Make, write_v21: Write
) -> None:
    write_v21(tmp_path / "data", [record(0, 9)])
    measured = measuring.measure_statistics(open_mixture(tmp_path / "data", MixtureSettings()))
    stats.write_statistics(tmp_path, measured)
    assert stats.read_statistics(tmp_path) == measured
    path = tmp_path / stats.FILE
    body = json.loads(path.read_text())
    assert body["sha256"] == measured.digest
    body["mixture"]["action"]["q99"][0] += 0.1
    path.write_text(json.dumps(body))
    with pytest.raises(WorkerError, match="its hash differs"):
        stats.read_statistics(tmp_path)
    path.unlink()
    with pytest.raises(WorkerError, match="no such file"):
        stats.read_statistics(tmp_path)


def test_broken_episodes_are_left_out_up_to_the_share(tmp_path: Path, record: Make, write_v21: Write) -> None:
    write_v21(tmp_path, [record(i, 5) for i in range(4)])
    (tmp_path / "data/chunk-000/episode_000002.parquet").write_bytes(b"no")
    mixture = open_mixture(tmp_path, MixtureSettings(bad_share=0.3))
    assert measuring.measure_statistics(mixture).mixture.action.count == [15, 15]
    with pytest.raises(WorkerError, match="1 of 4 episodes are broken"):
        measuring.measure_statistics(open_mixture(tmp_path, MixtureSettings(bad_share=0.2)))


def test_the_stage_leaves_them_and_says_what_it_skipped(tmp_path: Path, record: Make, write_v21: Write) -> None:
    write_v21(tmp_path / "demos", [record(i, 5) for i in range(4)])
    (tmp_path / "demos/data/chunk-000/episode_000002.parquet").write_bytes(b"no")
    job = {
        "protocol": 1, "attempt": "a", "job": "k", "stage": "statistics", "entry": "compute_statistics",
        "shard": 0, "shards": 1, "fence": 1, "config": {"bad_share": 0.25},
        "inputs": {"demos": {"path": str(tmp_path / "demos"), "format": "lerobot-v2.1", "digest": "d"}},
        "outputs": ["statistics"], "ranks": 1, "cores": 1, "gpus": [], "store": {"url": "file:///store"},
        "prefix": "p", "resume": [], "checkpoint": {"every": None}, "grace": 1,
    }  # fmt: skip
    (tmp_path / "job.json").write_text(json.dumps(job))
    find_stage("compute_statistics").run(read_job(tmp_path, {}))
    assert stats.read_statistics(tmp_path / "outputs/statistics").mixture.action.count == [15, 15]
    events = [json.loads(line) for line in (tmp_path / "events.0.jsonl").read_text().splitlines()]
    assert [e["metrics"] for e in events if e["type"] == "done"] == [{"statistics.frames": 15, "statistics.skipped": 1}]
    (warning,) = [e["message"] for e in events if e["type"] == "warning"]
    assert "episode_000002.parquet" in warning


def test_they_are_of_the_actions_that_training_sees(tmp_path: Path, record: Make) -> None:
    recordings = [record(i, 6, ("image_0",), state=7, action=7) for i in range(3)]
    write_rlds(tmp_path, "bridge", recordings, BRIDGE_FORMAT)
    (tmp_path / "mixture.json").write_text(json.dumps({"datasets": [{"path": "bridge", "like": "bridge"}]}))
    spread = measuring.measure_statistics(open_mixture(tmp_path, MixtureSettings())).mixture.action
    motion = np.concatenate([np.diff(r.state[1:, :6], axis=0) for r in recordings])
    # A quarter turn and more is among them: the others are the field's plain differences.
    assert_allclose(spread.q99[:3], np.quantile(motion[:, :3].astype(np.float64), 0.99, axis=0), rtol=1e-6)
    assert_allclose(spread.mean[:3], motion[:, :3].mean(axis=0, dtype=np.float64), rtol=1e-6)
    assert spread.count == [12] * 7


def test_no_picture_is_read_for_them(tmp_path: Path, record: Make, write_v21: Write) -> None:
    write_v21(tmp_path, [record(i, 5) for i in range(2)])
    for path in tmp_path.glob("videos/*/*/*.mp4"):
        path.unlink()
    assert measuring.measure_statistics(open_mixture(tmp_path, MixtureSettings())).mixture.action.count == [10, 10]


def test_what_reaches_much_farther_in_one_dataset_than_in_another_is_doubted(
    tmp_path: Path, record: Make, write_v21: Write
) -> None:
    metres = record(0, 20)
    still = replace(metres, action=metres.action * np.array([1, 1e-5], np.float32))
    for name, recording in (("metres", still), ("millimetres", replace(metres, action=metres.action * 1000))):
        write_v21(tmp_path / name, [recording])
    (tmp_path / "mixture.json").write_text(json.dumps({"datasets": [{"path": "metres"}, {"path": "millimetres"}]}))
    doubts = measuring.unlike_units(measuring.measure_statistics(open_mixture(tmp_path, MixtureSettings())))
    (doubt,) = doubts
    assert doubt.startswith("action, dimension 0: spans ")
    assert " in millimetres and " in doubt
    assert doubt.endswith(" in metres: are they in the same unit?")
