from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from depthvla.data.depth_colours import depth_colours
from depthvla.labels import score
from depthvla.labels.panels import depth_panel
from depthvla.labels.sidecar import (
    About,
    cameras_of,
    name_of,
    open_clip,
    to_metres,
    to_millimetres,
    write_clip,
)
from depthvla.runtime.failure import WorkerError

RNG = np.random.default_rng(0)
FRONT = "observation.images.front"


def depth_of(frames: int) -> np.ndarray:
    return RNG.uniform(0.2, 60, (frames, 4, 4)).astype(np.float32)


def write(folder: Path, episode: int, depth: np.ndarray, labeller: str = "labeller-1", camera: str = FRONT) -> Path:
    return write_clip(folder, episode, camera, to_millimetres(depth), About(labeller, ("weights",)))


def read(folder: Path, episode: int = 0, camera: str | None = None) -> np.ndarray:
    return to_metres(open_clip(folder, episode, camera).depth.all())


def test_labels_come_back_to_the_millimetre_in_the_order_of_the_frames(tmp_path: Path) -> None:
    depth = depth_of(3)
    write(tmp_path, 0, depth)
    assert_allclose(read(tmp_path), depth, atol=5.1e-4)
    assert open_clip(tmp_path, 0).about == About("labeller-1", ("weights",))


def test_what_is_no_depth_becomes_none_and_what_is_too_far_the_farthest(tmp_path: Path) -> None:
    depth = np.array([[[0, np.nan], [np.inf, -1]], [[1e-5, 1000], [65.5351, 2]]], np.float32)
    write(tmp_path, 0, depth, "x")
    assert_allclose(read(tmp_path), np.array([[[0, 0], [0, 0]], [[0.001, 65.535], [65.535, 2]]], np.float32), atol=1e-6)


def test_a_frame_and_its_confidence_are_read_without_the_others(tmp_path: Path) -> None:
    depth, sure = depth_of(5), RNG.integers(0, 256, (5, 4, 4), dtype=np.uint8)
    about = About("x", ("a", "b"), {"flags": ["flicker"]})
    write_clip(tmp_path, 3, "wrist/left", to_millimetres(depth), about, sure)
    clip = open_clip(tmp_path, 3)
    assert clip.about == about
    assert_array_equal(clip.depth[2], to_millimetres(depth)[2])
    assert clip.confidence is not None
    assert_array_equal(clip.confidence[4], sure[4])
    assert (len(clip.depth), len(clip.confidence)) == (5, 5)


def test_of_several_cameras_one_must_be_named(tmp_path: Path) -> None:
    depth = depth_of(1)
    write(tmp_path, 0, depth)
    write(tmp_path, 0, depth + 1, camera="wrist/left")
    assert cameras_of(tmp_path) == [FRONT, "wrist/left"]
    assert_allclose(read(tmp_path, 0, "wrist/left"), depth + 1, atol=5.1e-4)
    with pytest.raises(WorkerError, match=r"\['observation.images.front', 'wrist/left'\], expected exactly one"):
        read(tmp_path)


def test_the_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    depth = depth_of(2)
    first = write(tmp_path, 0, depth).read_bytes()
    assert write(tmp_path, 1, depth).read_bytes() == first
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*") if p.is_file()} == {
        name_of(0, FRONT),
        name_of(1, FRONT),
    }


def test_labels_that_are_not_there_or_can_not_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="episode 7 has no labels"):
        read(tmp_path, 7, FRONT)
    write(tmp_path, 5, depth_of(1))
    (tmp_path / name_of(5, FRONT)).write_bytes(b"rubbish")
    with pytest.raises(WorkerError, match="can't be read"):
        read(tmp_path, 5)


def test_a_damaged_frame_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, 0, depth_of(3))
    data = path.read_bytes()
    place = data.rindex(b"IDAT", 0, data.index(b"PK\x01\x02"))
    path.write_bytes(data[: place + 6] + b"\x00\x00" + data[place + 8 :])
    with pytest.raises(WorkerError, match=r"depth/000002\.png"):
        read(tmp_path)


def test_absrel_is_a_mean_of_pictures_over_what_was_measured() -> None:
    truth = np.array([[[1, 2], [0, np.nan]], [[4, 4], [4, 4]], [[0, 0], [0, 0]]], np.float32)
    pred = np.array([[[2, 2], [9, 9]], [[4, 4], [4, 2]], [[5, 5], [5, 5]]], np.float32)
    assert score.absrel(pred, truth) == pytest.approx((0.5 + 0.125) / 2)
    assert np.isnan(score.absrel(pred[2:], truth[2:]))


def test_no_other_constant_is_better_than_the_best() -> None:
    truth = RNG.lognormal(0.5, 0.6, (6, 16, 16)).astype(np.float32)
    truth[RNG.random(truth.shape) < 0.2] = 0
    best = score.best_constant(truth)
    pixels = truth[:, ::4, ::4]

    def error(constant: float) -> float:
        good = pixels > 0
        return float((np.abs(constant - pixels[good]) / pixels[good]).sum())

    assert all(error(best) <= error(best * factor) + 1e-6 for factor in (0.8, 0.95, 0.99, 1.01, 1.05, 1.3))


def test_a_panel_shows_rows_of_input_prediction_and_truth(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    depth_panel(tmp_path / "a" / "p.png", images, depth_of(3).repeat(2, 1).repeat(2, 2), None, scale=1)
    from PIL import Image

    with Image.open(tmp_path / "a" / "p.png") as picture:
        assert picture.size == (8 + 2 + 8, 3 * 8 + 2 * 2)
        assert_array_equal(np.asarray(picture)[:8, :8], images[0])


def test_near_is_bright_and_what_was_not_measured_is_black() -> None:
    made = depth_colours(np.array([[0.5, 2.0], [0.0, np.nan]], np.float32), 0.5, 2.0).astype(int).sum(axis=2)
    assert made[0, 0] > made[0, 1] > 0
    assert made[1].tolist() == [0, 0]
