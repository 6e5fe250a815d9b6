import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from depthvla.data.episodes import Wanted
from depthvla.data.like import LIKE
from depthvla.data.recording import Recording
from depthvla.data.rlds import Rlds
from depthvla.data.rlds_writer import BRIDGE_FORMAT, GALAXEA_FORMAT, write_rlds
from depthvla.runtime.failure import WorkerError

Make = Callable[..., Recording]
LENGTHS = (5, 3, 7)


@pytest.fixture
def recordings(record: Make) -> list[Recording]:
    return [record(i, n, ("image_0", "image_1"), state=7, action=7) for i, n in enumerate(LENGTHS)]


def test_every_step_of_bridge_comes_back(tmp_path: Path, recordings: list[Recording]) -> None:
    version = write_rlds(tmp_path, "bridge_dataset", recordings, BRIDGE_FORMAT, shards=2)
    assert sorted(p.name for p in version.iterdir()) == [
        "bridge_dataset-train.tfrecord-00000-of-00002", "bridge_dataset-train.tfrecord-00001-of-00002",
        "dataset_info.json", "features.json",
    ]  # fmt: skip
    dataset = Rlds(tmp_path / "bridge_dataset")
    assert_array_equal(dataset.lengths, LENGTHS)
    for index, wanted in enumerate(recordings):
        episode = dataset.read(index)
        assert_array_equal(episode.state, wanted.state)
        assert_array_equal(episode.action, wanted.action)
        assert episode.instruction(0) == wanted.instruction
        for camera in ("image_0", "image_1"):
            # JPEG
            assert np.abs(episode.cameras[camera].all().astype(int) - wanted.images[camera]).max() < 3
    assert (dataset.faults, dict(dataset.left_out)) == ([], {})


def test_bridge_without_its_first_step_and_without_what_has_no_instruction_or_camera(
    tmp_path: Path, recordings: list[Recording]
) -> None:
    silent = replace(recordings[1], instruction="")
    blind = replace(recordings[2], images={"image_1": recordings[2].images["image_1"]})
    write_rlds(tmp_path, "bridge_dataset", [recordings[0], silent, blind], BRIDGE_FORMAT)
    dataset = Rlds(tmp_path / "bridge_dataset", LIKE["bridge"]["rlds"])
    assert_array_equal(dataset.lengths, [3, 0, 0])
    assert dict(dataset.left_out) == {"no instruction": 1, "no image_0": 1}
    assert dataset.faults == []
    episode = dataset.read(0)
    assert_array_equal(episode.action[:, :3], recordings[0].state[2:, :3] - recordings[0].state[1:-1, :3])
    assert np.abs(episode.cameras["image_0"][0].astype(int) - recordings[0].images["image_0"][1]).max() < 3


def test_galaxea_is_the_same_reader(tmp_path: Path, record: Make) -> None:
    cameras = ("image_camera_head", "image_camera_wrist_left", "image_camera_wrist_right")
    wanted = record(0, 4, cameras, state=21, action=26, instruction="tidy up@拿起杯子@pick up the cup")
    depth = np.random.default_rng(0).integers(0, 5000, (4, 32, 32)).astype(np.uint16)
    version = write_rlds(
        tmp_path, "part1_r1_lite", [replace(wanted, depth={"depth_camera_wrist_left": depth})], GALAXEA_FORMAT
    )
    # Its files are not named after its folder.
    for path in version.glob("*.tfrecord*"):
        path.rename(path.with_name(path.name.replace("part1_r1_lite", "merged_dataset_large_r1_lite")))
    dataset = Rlds(tmp_path / "part1_r1_lite", replace(LIKE["galaxea"]["rlds"], depth=("depth_camera_wrist_left",)))
    episode = dataset.read(0)
    assert_array_equal(episode.state, wanted.state)
    assert_array_equal(episode.action, wanted.action)
    assert episode.instruction(3) == "pick up the cup"
    assert tuple(episode.cameras) == cameras
    assert_array_equal(episode.depth["depth_camera_wrist_left"].all(), depth)


def test_a_wrong_checksum_is_an_error_of_that_episode_unless_it_is_not_verified(
    tmp_path: Path, recordings: list[Recording]
) -> None:
    version = write_rlds(tmp_path, "b", recordings, BRIDGE_FORMAT)
    (path,) = version.glob("*.tfrecord*")
    whole = bytearray(path.read_bytes())
    at = whole.index(recordings[1].action.tobytes())
    whole[at] ^= 1
    path.write_bytes(whole)
    dataset = Rlds(version)
    assert len(dataset.read(0)) == 5
    with pytest.raises(WorkerError, match=r"tfrecord-00000-of-00001: episode 1: the checksum") as caught:
        dataset.read(1)
    assert caught.value.code == "DATA_BROKEN"
    assert len(Rlds(version, verify=False).read(1)) == 3


def test_a_file_that_is_cut_off_leaves_its_whole_episodes_and_a_named_fault(
    tmp_path: Path, recordings: list[Recording]
) -> None:
    version = write_rlds(tmp_path, "b", recordings, BRIDGE_FORMAT)
    (path,) = version.glob("*.tfrecord*")
    path.write_bytes(path.read_bytes()[:-100])
    dataset = Rlds(version)
    assert_array_equal(dataset.lengths, [5, 3])
    assert "record 2 is cut off" in dataset.faults[0].message
    assert str(path) in dataset.faults[0].message


def test_not_finite_and_other_widths_are_named(tmp_path: Path, recordings: list[Recording]) -> None:
    action = recordings[0].action.copy()
    action[2, 6] = np.nan
    version = write_rlds(tmp_path, "nan", [replace(recordings[0], action=action)], BRIDGE_FORMAT)
    with pytest.raises(WorkerError, match="episode 0: action is nan at frame 2, dimension 6"):
        Rlds(version).read(0)
    version = write_rlds(tmp_path, "wide", [replace(recordings[0], action=action[:, :6])], BRIDGE_FORMAT)
    with pytest.raises(WorkerError, match="steps/action has 30 numbers, which are no rows of 7"):
        Rlds(version).read(0)


def edit_info(version: Path, **changes: object) -> None:
    path = version / "dataset_info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("breakage", "named"),
    [
        (lambda v: (v / "features.json").unlink(), "features.json: no such file"),
        (lambda v: (v / "features.json").write_text("{"), "features.json: not JSON"),
        (lambda v: (v / "dataset_info.json").unlink(), "dataset_info.json: no such file"),
        (lambda v: edit_info(v, splits=[]), "not 'train'"),
        (lambda v: edit_info(v, fileFormat="array_record"), "expected 'tfrecord'"),
        (lambda v: next(v.glob("*.tfrecord*")).unlink(), "-train.tfrecord-00000-of-00001, found 0"),
    ],
)
def test_a_broken_folder_is_named(
    tmp_path: Path, recordings: list[Recording], breakage: Callable[[Path], None], named: str
) -> None:
    version = write_rlds(tmp_path, "b", recordings, BRIDGE_FORMAT)
    breakage(version)
    with pytest.raises(WorkerError, match=named.replace(".", r"\.")):
        Rlds(version)


def test_a_feature_that_is_not_there_is_named_with_those_that_are(tmp_path: Path, recordings: list[Recording]) -> None:
    version = write_rlds(tmp_path, "b", recordings, BRIDGE_FORMAT)
    with pytest.raises(WorkerError, match=r"no feature steps/observation/image_9; there are .*image_0"):
        Rlds(version, Wanted(cameras=("image_9",)))
