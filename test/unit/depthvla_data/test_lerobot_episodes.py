import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_array_equal

from depthvla.data.encoded import encode_png
from depthvla.data.episodes import Wanted
from depthvla.data.lerobot import LeRobot
from depthvla.data.recording import Recording
from depthvla.runtime.failure import WorkerError
from whole_dataset import read_whole

Make = Callable[..., Recording]
Write = Callable[..., None]
CAMERAS = ("front", "wrist")
LENGTHS = (5, 3, 7, 4, 2)


@pytest.fixture
def recordings(record: Make) -> list[Recording]:
    return [record(i, n, CAMERAS) for i, n in enumerate(LENGTHS)]


def same(dataset: LeRobot, recordings: list[Recording]) -> None:
    """Every value, and frames in an order that needs seeking back."""
    assert_array_equal(dataset.lengths, [len(r) for r in recordings])
    for index in reversed(range(len(recordings))):
        episode, wanted = dataset.read(index), recordings[index]
        assert_array_equal(episode.state, wanted.state)
        assert_array_equal(episode.action, wanted.action)
        assert {episode.instruction(i) for i in range(len(episode))} == {wanted.instruction}
        for camera in CAMERAS:
            frames = episode.cameras[f"observation.images.{camera}"]
            for i in (len(frames) - 1, 0, len(frames) // 2, len(frames) // 2):
                # H.264 of a flat picture is off by a level or two; neighbours are 8 apart, cameras 4.
                assert np.abs(frames[i].astype(int) - wanted.images[camera][i]).max() < 3


def test_v3_in_many_files_and_folders_with_two_cameras(
    tmp_path: Path, recordings: list[Recording], write_v3: Write
) -> None:
    write_v3(tmp_path, recordings, 2, 2)
    names = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert "data/chunk-001/file-000.parquet" in names
    assert "videos/observation.images.wrist/chunk-000/file-001.mp4" in names
    assert "meta/episodes/chunk-001/file-000.parquet" in names
    same(LeRobot(tmp_path), recordings)
    # What is in a file counts from its beginning.
    rows = pq.read_table(tmp_path / "meta/episodes/chunk-000/file-001.parquet").to_pylist()
    assert [round(r["videos/observation.images.front/from_timestamp"] * 10) for r in rows] == [0, 7]
    assert [r["dataset_from_index"] for r in rows] == [8, 15]


def test_v21_in_chunks_with_two_cameras(tmp_path: Path, recordings: list[Recording], write_v21: Write) -> None:
    write_v21(tmp_path, recordings, 2)
    assert (tmp_path / "data/chunk-001/episode_000002.parquet").is_file()
    assert (tmp_path / "videos/chunk-002/observation.images.wrist/episode_000004.mp4").is_file()
    info = json.loads((tmp_path / "meta/info.json").read_text())
    assert [info[f"total_{n}"] for n in ("episodes", "frames", "tasks", "videos", "chunks")] == [5, 21, 2, 10, 3]
    stats = [json.loads(line) for line in (tmp_path / "meta/episodes_stats.jsonl").read_text().splitlines()]
    assert stats[1]["stats"]["action"]["count"] == [3]
    assert set(stats[1]["stats"]["action"]) == {"min", "max", "mean", "std", "count"}
    assert np.shape(stats[0]["stats"]["observation.images.front"]["mean"]) == (3, 1, 1)
    same(LeRobot(tmp_path), recordings)


def test_both_versions_of_one_dataset_read_the_same(
    tmp_path: Path, record: Make, write_v3: Write, write_v21: Write
) -> None:
    recordings = [record(i, n) for i, n in enumerate(LENGTHS)]
    write_v3(tmp_path / "3", recordings, 2)
    write_v21(tmp_path / "21", recordings)
    new, old = read_whole(tmp_path / "3"), read_whole(tmp_path / "21")
    for name in ("images", "state", "action", "episode", "task"):
        assert_array_equal(getattr(new, name), getattr(old, name))


def test_pictures_in_the_tables_instead_of_videos(tmp_path: Path, record: Make, write_v21: Write) -> None:
    wanted = record(0, 4)
    write_v21(tmp_path, [wanted])
    path = tmp_path / "data/chunk-000/episode_000000.parquet"
    cells = [
        {"bytes": encode_png(image), "path": f"frame_{i:06d}.png"} for i, image in enumerate(wanted.images["front"])
    ]
    pq.write_table(pq.read_table(path).append_column("observation.images.front", pa.array(cells)), path)
    info = json.loads((tmp_path / "meta/info.json").read_text())
    info["features"]["observation.images.front"]["dtype"] = "image"
    info["video_path"] = None
    (tmp_path / "meta/info.json").write_text(json.dumps(info))
    assert_array_equal(LeRobot(tmp_path).read(0).cameras["observation.images.front"].all(), wanted.images["front"])


def test_features_cut_into_parts_and_instructions_of_several_parts_as_galaxea_has_them(
    tmp_path: Path, record: Make, write_v21: Write
) -> None:
    wanted = record(0, 6, instruction="tidy up@拿起杯子@pick up the cup")
    write_v21(tmp_path, [wanted])
    path = tmp_path / "data/chunk-000/episode_000000.parquet"
    table = pq.read_table(path).append_column("action.left_gripper", pa.array(np.arange(6.0)))
    pq.write_table(table, path)
    asked = Wanted(action=("action.left_gripper", "action"), instruction_part=2, skip_first=1)
    episode = LeRobot(tmp_path, asked).read(0)
    assert_array_equal(episode.action, np.column_stack([np.arange(6.0), wanted.action])[1:].astype(np.float32))
    assert episode.instruction(0) == "pick up the cup"
    assert len(episode.cameras["observation.images.front"]) == 5
    assert np.abs(episode.cameras["observation.images.front"][0].astype(int) - wanted.images["front"][1]).max() < 3


def replace_column(path: Path, name: str, values: pa.Array) -> None:
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(name), name, values), path)


@pytest.mark.parametrize(
    ("breakage", "named"),
    [
        (lambda p: replace_column(p, "action", pa.array([[1.0, 2.0], [1.0, float("nan")], [1.0, 2.0]])),
         "episode_000001.parquet: episode 1: action is nan at frame 1, dimension 1"),
        (lambda p: replace_column(p, "action", pa.array([[1.0], [1.0, 2.0], [1.0]])), "rows of different lengths"),
        (lambda p: replace_column(p, "frame_index", pa.array([0, 1, 1])), "doesn't count from 0"),
        (lambda p: replace_column(p, "task_index", pa.array([7, 7, 7])), "task_index 7 is none of the 2 tasks"),
        (lambda p: pq.write_table(pq.read_table(p).slice(0, 2), p), "has 2 rows, but meta/ says 3"),
        (lambda p: p.write_bytes(p.read_bytes()[:200]), "not a parquet file"),
        (lambda p: p.unlink(), "no such file"),
    ],
)  # fmt: skip
def test_a_broken_episode_is_named(
    tmp_path: Path, recordings: list[Recording], write_v21: Write, breakage: Callable[[Path], None], named: str
) -> None:
    write_v21(tmp_path, recordings)
    breakage(tmp_path / "data/chunk-000/episode_000001.parquet")
    dataset = LeRobot(tmp_path)
    with pytest.raises(WorkerError, match=named) as caught:
        dataset.read(1)
    assert caught.value.code == "DATA_BROKEN"
    assert len(dataset.read(0)) == 5


def test_a_video_that_is_cut_off_is_named_when_a_picture_is_asked_for(
    tmp_path: Path, recordings: list[Recording], write_v21: Write
) -> None:
    write_v21(tmp_path, recordings)
    path = tmp_path / "videos/chunk-000/observation.images.wrist/episode_000001.mp4"
    other = path.with_name("episode_000004.mp4")
    other.rename(path)
    frames = LeRobot(tmp_path).read(1).cameras["observation.images.wrist"]
    assert frames[1].shape == (32, 32, 3)
    with pytest.raises(WorkerError, match=r"episode_000001\.mp4: no picture at 0\.200 s"):
        frames[2]


def test_an_empty_instruction_is_an_error(tmp_path: Path, record: Make, write_v21: Write) -> None:
    write_v21(tmp_path, [record(0, 3, instruction="  ")])
    with pytest.raises(WorkerError, match="the instruction is empty"):
        LeRobot(tmp_path).read(0)


def test_a_camera_that_is_not_there_is_an_error(tmp_path: Path, recordings: list[Recording], write_v21: Write) -> None:
    write_v21(tmp_path, recordings)
    with pytest.raises(WorkerError, match=r"info\.json: features has the cameras .*, not 'top'"):
        LeRobot(tmp_path, Wanted(cameras=("top",)))


def test_going_to_and_fro_in_videos_keeps_nothing(
    tmp_path: Path, record: Make, write_v21: Write, resident: Callable[[], int]
) -> None:
    write_v21(tmp_path, [record(i, 24) for i in range(3)])
    films = [LeRobot(tmp_path).read(i).cameras["observation.images.front"] for i in range(3)]
    places = [(film, frame) for film in films for frame in np.random.default_rng(0).permutation(24)]
    for film, frame in places:
        film[int(frame)]
    before = resident()
    for _ in range(30):
        for film, frame in places:
            film[int(frame)]
    # A packet of 240 bytes for each picture, which is what a demuxer left half-way keeps, would be 500 kB.
    assert resident() - before < 250_000
