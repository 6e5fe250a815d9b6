from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from depthvla.data.scannet import read_pose, read_scannet, write_scannet_frame, write_scannet_lists
from depthvla.data.scenes import load_scenes
from depthvla.runtime.failure import WorkerError

INTRINSICS = np.array([[577.87, 0, 319.5], [0, 577.87, 239.5], [0, 0, 1]], np.float32)


def write_tiny(root: Path) -> None:
    """Two scenes of the real shapes' proportions: colour finer than depth, one pose lost."""
    write_scannet_lists(root, {"train": ["scene0000_00"], "heldout": ["scene0001_00"]})
    for scene in ("scene0000_00", "scene0001_00"):
        for number in (0, 1, 10):
            depth = np.full((48, 64), 1.234, np.float32)
            depth[0, 0] = 0
            image = np.full((48, 64, 3), (10 * number, 60, 200), np.uint8)
            write_scannet_frame(root / scene, number, image, depth, INTRINSICS, np.eye(4, dtype=np.float32))


def test_frames_come_in_the_order_of_lists_and_numbers(tmp_path: Path) -> None:
    write_tiny(tmp_path)
    frames = list(read_scannet(tmp_path))
    assert [f.split for f in frames] == ["train"] * 3 + ["heldout"] * 3
    assert [Path(f.source).stem for f in frames[:3]] == ["0", "1", "10"]
    assert_allclose(frames[2].image[5, 5], (100, 60, 200), atol=3)


def test_depth_is_in_millimetres_and_zero_is_not_measured(tmp_path: Path) -> None:
    write_tiny(tmp_path)
    raw = cv2.imread(str(tmp_path / "scene0000_00/depth/0.png"), cv2.IMREAD_UNCHANGED)
    assert raw.dtype == np.uint16
    assert raw[1, 1] == 1234
    frame = next(read_scannet(tmp_path))
    assert frame.depth[0, 0] == 0
    assert_allclose(frame.depth[1, 1], 1.234)


def test_a_lost_pose_is_none_and_its_frame_is_kept(tmp_path: Path) -> None:
    write_tiny(tmp_path)
    lost = tmp_path / "scene0000_00/pose/1.txt"
    lost.write_text("-inf -inf -inf -inf\n" * 4)
    assert read_pose(lost) is None
    assert read_pose(tmp_path / "scene0000_00/pose/0.txt") is not None
    assert len(list(read_scannet(tmp_path))) == 6


def test_scenes_are_loaded_square_with_intrinsics_that_follow(tmp_path: Path) -> None:
    write_tiny(tmp_path / "scannet")
    frames = load_scenes(tmp_path, 24)
    assert frames.images.shape == (6, 24, 24, 3)
    assert frames.depth.shape == (6, 24, 24)
    assert frames.depth.dtype == np.float32
    assert_allclose(frames.intrinsics[0, 0, 0], 577.87 / 2, rtol=1e-4)
    assert_array_equal(frames.split, ["train"] * 3 + ["heldout"] * 3)
    assert len(frames.select("heldout")) == 3


def test_a_coarser_depth_map_than_the_picture_is_fitted_too(tmp_path: Path) -> None:
    write_tiny(tmp_path / "scannet")
    coarse = np.full((24, 32), 2000, np.uint16)
    cv2.imwrite(str(tmp_path / "scannet/scene0000_00/depth/0.png"), coarse)
    assert_allclose(load_scenes(tmp_path, 24).depth[0], 2.0)


@pytest.mark.parametrize(
    ("breakage", "named"),
    [
        (lambda root: (root / "scannetv2_val.txt").unlink(), "scannetv2_val.txt"),
        (lambda root: (root / "scannetv2_val.txt").write_text("scene0404_00"), "scene0404_00/color"),
        (lambda root: (root / "scene0000_00/depth/1.png").unlink(), "depth/1.png"),
        (lambda root: (root / "scene0000_00/color/1.jpg").write_bytes(b"no"), "color/1.jpg"),
        (lambda root: (root / "scene0000_00/intrinsic/intrinsic_color.txt").write_text("1 2"), "expected 4 x 4"),
        (
            lambda root: cv2.imwrite(str(root / "scene0000_00/depth/0.png"), np.zeros((4, 4), np.uint8)),
            "expected uint16",
        ),
    ],
)
def test_a_broken_folder_is_named(tmp_path: Path, breakage, named: str) -> None:  # type: ignore[no-untyped-def]
    write_tiny(tmp_path)
    breakage(tmp_path)
    with pytest.raises(WorkerError, match=named.replace(".", r"\.")):
        list(read_scannet(tmp_path))


def test_a_folder_without_any_dataset_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="scannet, hypersim"):
        load_scenes(tmp_path, 24)
