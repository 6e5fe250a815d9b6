"""What depth pretraining reads: inputs of several formats as one stream, their shares, and what is held out."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from depthvla.data.augment import PLAIN
from depthvla.data.hypersim import write_hypersim_frame, write_hypersim_metadata
from depthvla.data.scannet import write_scannet_frame, write_scannet_lists
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import read_job
from depthvla.training.scenes import SceneData, open_scenes, score_held_out

EYE = np.eye(4, dtype=np.float32)
INTRINSICS = np.array([[20, 0, 7.5], [0, 20, 7.5], [0, 0, 1]], np.float32)
Open = Callable[..., SceneData]


def write_scannet(root: Path, train: int, held_out: int, metres: float = 1.0) -> Path:
    names = [f"s{i}" for i in range(train + held_out)]
    image, depth = np.full((16, 16, 3), 90, np.uint8), np.full((16, 16), metres, np.float32)
    for name in names:
        for number in range(3):
            write_scannet_frame(root / name, number, image, depth, INTRINSICS, EYE)
    write_scannet_lists(root, {"train": names[:train], "heldout": names[train:]})
    return root


def write_hypersim(root: Path) -> Path:
    image, depth = np.full((16, 16, 3), 90, np.uint8), np.full((16, 16), 3, np.float32)
    for number in range(3):
        write_hypersim_frame(root / "a0", number, image, depth, 20.0)
    write_hypersim_metadata(root, [("a0", "train", 3)], 2 * np.arctan(8 / 20))
    return root


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    def make(inputs: dict[str, Path], *, weights: tuple[str, ...] = (), rank: int = 0) -> SceneData:
        job = {
            "protocol": 1, "attempt": "a", "job": "k", "stage": "x", "entry": "depth_pretrain", "shard": 0, "shards": 1,
            "fence": 1, "config": {}, "outputs": ["model"], "ranks": 2, "cores": 2, "gpus": [],
            "inputs": {name: {"path": str(path), "format": None, "digest": "d"} for name, path in inputs.items()},
            "store": {"url": "file:///store"}, "prefix": "p", "resume": [], "checkpoint": {"every": None}, "grace": 1,
        }  # fmt: skip
        (tmp_path / "job.json").write_text(json.dumps(job))
        read = read_job(tmp_path, {"RANK": str(rank), "WORLD_SIZE": "2"})
        return open_scenes(read, 16, batch=4, seed=0, held_out=5, augmentation=PLAIN, weights=weights)

    return make


def test_formats_at_different_places_are_one_stream_with_shares(tmp_path: Path, opened: Open) -> None:
    inputs = {"scannet": write_scannet(tmp_path / "one", 1, 2), "hypersim": write_hypersim(tmp_path / "two")}
    scenes = opened(inputs, weights=("scannet=1", "hypersim=4"))
    drawn = np.concatenate([depth.numpy() for _, depth in (scenes.draw(step, 4) for step in range(100))])
    counts = Counter(round(float(depth.mean())) for depth in drawn)
    assert counts[3] > 2 * counts[1] > 0
    # Judged on 1 m, which is as common among the frames that are typical as 3 m, and nearer.
    assert (scenes.typical.depth.shape, scenes.held_out.depth.shape) == ((6, 16, 16), (4, 16, 16))
    assert sorted(scenes.typical.depth.mean(axis=(1, 2)).round()) == [1, 1, 1, 3, 3, 3]
    assert score_held_out(scenes.held_out.depth, scenes) == {
        "depth.absrel.random_camera": 0,
        "depth.absrel.random_camera.best_constant": 0,
    }
    assert score_held_out(2 * scenes.held_out.depth, scenes)["depth.absrel.random_camera"] == 1


def test_ranks_draw_their_parts_of_one_batch_and_only_the_first_judges(tmp_path: Path, opened: Open) -> None:
    inputs = {"scenes": tmp_path}
    write_scannet(tmp_path / "scannet", 2, 1)
    parts = [opened(inputs, rank=rank) for rank in range(2)]
    assert [len(part.held_out) for part in parts] == [3, 0]
    for rank, part in enumerate(parts):
        images, depth = part.draw(0, 4, rank, 2)
        assert (tuple(images.shape), tuple(depth.shape)) == ((2, 16, 16, 3), (2, 16, 16))


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        (("scannet",), "weights: 'scannet', expected name=share"),
        (("scannet=0",), "with a share above 0"),
        (("kitti=1",), "no dataset 'kitti'; there are scannet, hypersim"),
        (("scannet=2",), "no share for 'hypersim': say those of all, or none"),
    ],
)
def test_a_mistake_in_the_shares_is_named(tmp_path: Path, opened: Open, weights: tuple[str, ...], named: str) -> None:
    inputs = {"scannet": write_scannet(tmp_path / "one", 1, 1), "hypersim": write_hypersim(tmp_path / "two")}
    with pytest.raises(WorkerError, match=named) as caught:
        opened(inputs, weights=weights)
    assert caught.value.code == "CONFIG_INVALID"


def test_what_could_not_be_judged_is_told_before_training(tmp_path: Path, opened: Open) -> None:
    with pytest.raises(WorkerError, match="no scene of scannet is held out"):
        opened({"scannet": write_scannet(tmp_path / "one", 1, 0)}, rank=1).check_held_out()
    with pytest.raises(WorkerError) as caught:
        opened({})
    assert caught.value.code == "INPUT_MISSING"
    both = {"scannet": write_scannet(tmp_path / "two", 1, 1), "scenes": tmp_path / "three"}
    write_scannet(tmp_path / "three/scannet", 1, 1)
    with pytest.raises(WorkerError, match="two datasets have one name"):
        opened(both)
