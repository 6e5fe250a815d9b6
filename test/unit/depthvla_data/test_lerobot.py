import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from depthvla.data.lerobot_writer import LeRobotWriter
from depthvla.data.recording import Recording
from depthvla.runtime.failure import WorkerError
from whole_dataset import read_whole

LENGTHS = (5, 3, 7)


def make_episode(number: int, length: int) -> Recording:
    """Every frame is a flat colour of its own, so that a frame out of place shows."""
    grey = 20 + 60 * number + 8 * np.arange(length)
    images = np.repeat(grey, 32 * 32 * 3).reshape(length, 32, 32, 3).astype(np.uint8)
    rng = np.random.default_rng(number)
    state, action = rng.normal(size=(length, 4)), rng.normal(size=(length, 2))
    sentence = ("open it", "press it")[number % 2]
    return Recording(sentence, {"front": images}, state.astype(np.float32), action.astype(np.float32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    writer = LeRobotWriter(tmp_path, 40, ["front"], "arm", ["x", "y", "z", "grip"], ["dx", "close"])
    for number, length in enumerate(LENGTHS):
        writer.add(make_episode(number, length))
    writer.close()
    return tmp_path


def test_every_frame_of_the_video_decodes_to_the_picture_of_its_row(folder: Path) -> None:
    data = read_whole(folder)
    wanted = np.concatenate([make_episode(i, n).images["front"] for i, n in enumerate(LENGTHS)])
    # H.264 of a flat picture is off by a level or two; neighbours are 8 apart.
    assert np.abs(data.images.astype(int) - wanted).max() <= 3


def test_states_actions_and_tasks_come_back_exactly(folder: Path) -> None:
    data = read_whole(folder)
    for name in ("state", "action"):
        wanted = np.concatenate([getattr(make_episode(i, n), name) for i, n in enumerate(LENGTHS)])
        assert_array_equal(getattr(data, name), wanted)
    assert_array_equal(data.episode, np.repeat([0, 1, 2], LENGTHS))
    assert [data.instructions[t] for t in data.task[[0, 5, 8]]] == ["open it", "press it", "open it"]


def test_the_tables_say_what_lerobot_expects(folder: Path) -> None:
    info = json.loads((folder / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"], info["fps"]) == (3, 15, 2, 40)
    assert info["features"]["observation.images.front"]["shape"] == [32, 32, 3]
    assert info["features"]["action"] == {"dtype": "float32", "shape": [2], "names": ["dx", "close"]}
    episodes = pq.read_table(folder / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [e["dataset_from_index"] for e in episodes] == [0, 5, 8]
    assert_allclose(episodes[2]["videos/observation.images.front/from_timestamp"], 8 / 40)
    assert episodes[1]["tasks"] == ["press it"]
    stats = json.loads((folder / "meta/stats.json").read_text())
    assert np.shape(stats["observation.images.front"]["mean"]) == (3, 1, 1)
    assert stats["action"]["count"] == [15]
    assert_allclose(stats["action"]["mean"], read_whole(folder).action.mean(axis=0), rtol=1e-4)


def test_the_same_episodes_give_the_same_bytes(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    again = tmp_path_factory.mktemp("again")
    writer = LeRobotWriter(again, 40, ["front"], "arm", ["x", "y", "z", "grip"], ["dx", "close"])
    for number, length in enumerate(LENGTHS):
        writer.add(make_episode(number, length))
    writer.close()
    files = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    assert all((folder / f).read_bytes() == (again / f).read_bytes() for f in files)


@pytest.mark.parametrize(
    ("breakage", "named"),
    [
        (lambda root: (root / "meta/info.json").unlink(), "info.json: no such file"),
        (lambda root: (root / "meta/info.json").write_text("{"), "not JSON"),
        (lambda root: (root / "meta/info.json").write_text('{"codebase_version": "v1.6"}'), "is 'v1.6'"),
        (lambda root: (root / "meta/tasks.parquet").unlink(), "tasks.parquet"),
        (lambda root: (root / "data/chunk-000/file-000.parquet").write_bytes(b"no"), "file-000.parquet"),
        (lambda root: next(root.rglob("*.mp4")).unlink(), "file-000.mp4"),
        (lambda root: next(root.rglob("*.mp4")).write_bytes(b"no"), "not a video"),
    ],
)  # fmt: skip
def test_a_broken_dataset_is_named(folder: Path, breakage, named: str) -> None:  # type: ignore[no-untyped-def]
    breakage(folder)
    with pytest.raises(WorkerError, match=named.replace(".", r"\.")):
        read_whole(folder)


def test_a_column_that_is_missing_is_named(folder: Path) -> None:
    path = folder / "data/chunk-000/file-000.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["action"]), path)
    with pytest.raises(WorkerError, match="column 'action' is missing"):
        read_whole(folder)
