from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose

from depthvla.data.augment import PLAIN, augment
from depthvla.data.frames import RgbdFrame
from depthvla.data.scannet import list_scannet, write_scannet_frame, write_scannet_lists
from depthvla.runtime.failure import WorkerError
from scene_frames import read_frames

INTRINSICS = np.array([[57.787, 0, 31.5], [0, 57.787, 23.5], [0, 0, 1]], np.float32)


def read_scannet(root: Path) -> list[RgbdFrame]:
    return read_frames(list_scannet(root))


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
    frames = read_scannet(tmp_path)
    assert [f.split for f in frames] == ["train"] * 3 + ["heldout"] * 3
    assert [Path(f.source).stem for f in frames[:3]] == ["0", "1", "10"]
    assert_allclose(frames[2].image[5, 5], (100, 60, 200), atol=3)


def test_depth_is_in_millimetres_and_zero_is_not_measured(tmp_path: Path) -> None:
    write_tiny(tmp_path)
    raw = cv2.imread(str(tmp_path / "scene0000_00/depth/0.png"), cv2.IMREAD_UNCHANGED)
    assert raw.dtype == np.uint16
    assert raw[1, 1] == 1234
    frame = read_scannet(tmp_path)[0]
    assert frame.depth[0, 0] == 0
    assert_allclose(frame.depth[1, 1], 1.234)


def test_a_frame_whose_tracking_was_lost_is_left_out_and_counted_or_kept_without_a_pose(tmp_path: Path) -> None:
    write_tiny(tmp_path)
    lost = tmp_path / "scene0000_00/pose/1.txt"
    lost.write_text("-inf -inf -inf -inf\n" * 4)
    frames = read_scannet(tmp_path)
    assert [frame.lost for frame in frames] == [False, True] + [False] * 4


def test_a_coarser_depth_map_than_the_picture_is_of_the_same_view(tmp_path: Path) -> None:
    write_tiny(tmp_path)
    cv2.imwrite(str(tmp_path / "scene0000_00/depth/0.png"), np.full((24, 32), 2000, np.uint16))
    view = augment(read_scannet(tmp_path)[0], PLAIN, 24, np.random.default_rng(0))
    assert_allclose(view.depth, np.full((24, 24), 2.0))
    assert_allclose(view.intrinsics[0, 0], 57.787 / 2, rtol=1e-4)


@pytest.mark.parametrize(
    ("breakage", "named"),
    [
        (lambda root: (root / "scannetv2_val.txt").unlink(), "scannetv2_val.txt"),
        (lambda root: (root / "scannetv2_val.txt").write_text("scene0404_00"), "scene0404_00: no such folder"),
        (lambda root: (root / "scene0000_00/depth/1.png").unlink(), "depth/1.png"),
        (lambda root: (root / "scene0000_00/color/1.jpg").write_bytes(b"no"), "color/1.jpg"),
        (lambda root: (root / "scene0000_00/intrinsic/intrinsic_color.txt").write_text("1 2"), "expected 4 x 4"),
        (lambda root: (root / "scene0000_00/intrinsic/intrinsic_color.txt").write_text("a\n1 2"), "expected 4 x 4"),
        (lambda root: (root / "scene0000_00/pose/1.txt").unlink(), "pose/1.txt: no such file"),
        (
            lambda root: cv2.imwrite(str(root / "scene0000_00/color/1.jpg"), np.zeros((24, 32, 3), np.uint8)),
            "color/1.jpg: the picture has 32 x 24 pixels, the scene's first has 64 x 48",
        ),
        (
            lambda root: [cv2.imwrite(str(p), np.zeros((24, 32, 3), np.uint8)) for p in root.rglob("*.jpg")],
            "principal point (31.5, 23.5) of a picture of 32 x 24: intrinsics of another size?",
        ),
        (
            lambda root: cv2.imwrite(str(root / "scene0000_00/depth/0.png"), np.zeros((4, 4), np.uint8)),
            "expected uint16",
        ),
    ],
)
def test_a_broken_folder_is_named(tmp_path: Path, breakage, named: str) -> None:  # type: ignore[no-untyped-def]
    write_tiny(tmp_path)
    breakage(tmp_path)
    with pytest.raises(WorkerError) as caught:
        read_scannet(tmp_path)
    assert named in caught.value.message
