import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from depthvla.data.frames import RgbdFrame
from depthvla.data.wildrgbd import list_wildrgbd, write_wildrgbd, write_wildrgbd_list
from depthvla.runtime.failure import WorkerError
from scene_frames import read_frames, read_what_can_be

INTRINSICS = np.array([[60, 0, 23.5], [0, 61, 31.5], [0, 0, 1]], np.float32)


def write(root: Path) -> Path:
    mask = np.zeros((64, 48), bool)
    mask[20:40, 10:30] = True
    frames = []
    for number in range(3):
        depth = np.full((64, 48), 0.7 + number / 10, np.float32)
        depth[0, 0] = 0
        pose = np.eye(4, dtype=np.float32)
        pose[0, 3] = number
        frames.append((np.full((64, 48, 3), (60 * number, 40, 200), np.uint8), depth, mask, pose))
    for scene in ("scenes/scene_000", "scenes/scene_001"):
        write_wildrgbd(root / "apple", scene, frames, INTRINSICS)
    write_wildrgbd_list(root / "apple", {"train": ["scenes/scene_000"], "heldout": ["scenes/scene_001"]})
    return root / "apple/scenes/scene_000"


def read(root: Path) -> list[RgbdFrame]:
    return read_frames(list_wildrgbd(root))


def test_scenes_written_are_read_back(tmp_path: Path) -> None:
    write(tmp_path)
    frames = read(tmp_path)
    assert [frame.split for frame in frames] == ["train"] * 3 + ["heldout"] * 3
    second = frames[1]
    assert_array_equal(second.image[5, 5], (60, 40, 200))
    assert (second.depth[0, 0], second.depth[9, 9]) == (0, np.float32(0.8))
    assert_allclose(second.intrinsics, INTRINSICS)
    assert second.pose is not None
    assert second.pose[0, 3] == 1
    assert second.mask is not None
    assert second.mask.sum() == 400


def test_a_scene_written_as_published_is_read(tmp_path: Path) -> None:
    # By hand: K column by column, as Record3D writes it; camera to world row by row.
    scene = tmp_path / "bowl/scenes/scene_012"
    for folder in ("rgb", "depth", "masks"):
        (scene / folder).mkdir(parents=True)
    cv2.imwrite(str(scene / "rgb/00000.png"), np.zeros((640, 480, 3), np.uint8))
    cv2.imwrite(str(scene / "depth/00000.png"), np.full((640, 480), 456, np.uint16))
    cv2.imwrite(str(scene / "masks/00000.png"), np.zeros((640, 480), np.uint8))
    (scene / "metadata").write_text('{"w": 480, "h": 640, "K": [605.5, 0, 0, 0, 606.25, 0, 239.75, 319.5, 1]}')
    (scene / "cam_poses.txt").write_text("0 1 0 0 0.25 0 1 0 0 0 0 1 0 0 0 0 1\n")
    (tmp_path / "bowl/nvs_list.json").write_text('{"train": [], "val": ["scenes/scene_012"]}')
    (frame,) = read(tmp_path)
    assert_allclose(frame.intrinsics, [[605.5, 0, 239.75], [0, 606.25, 319.5], [0, 0, 1]])
    assert_allclose(frame.depth, 0.456)
    assert frame.pose is not None
    assert frame.pose[0, 3] == 0.25
    assert frame.split == "heldout"


def test_one_broken_frame_is_left_out_counted_and_named(tmp_path: Path) -> None:
    picture = write(tmp_path) / "rgb/00001.png"
    picture.write_bytes(picture.read_bytes()[:-8])
    frames, (fault,) = read_what_can_be(list_wildrgbd(tmp_path))
    assert len(frames) == 5
    assert fault.message == f"{picture}: a PNG that is cut short after {picture.stat().st_size:,} bytes"


@pytest.mark.parametrize(
    ("breakage", "named"),
    [
        (lambda root, scene: (root / "apple/nvs_list.json").unlink(), "nvs_list.json: no such file"),
        (lambda root, scene: (root / "apple/nvs_list.json").write_text('{"train": []}'), "has no list 'val'"),
        (lambda root, scene: (scene / "metadata").unlink(), "metadata: no such file"),
        (lambda root, scene: (scene / "metadata").write_text('{"w": 48, "K": []}'), "metadata: has no 'h'"),
        (lambda root, scene: rewrite_metadata(scene, K=[1, 2]), "w, h or K: "),
        (lambda root, scene: rewrite_metadata(scene, K=INTRINSICS.ravel().tolist()), "column by column"),
        (lambda root, scene: rewrite_metadata(scene, w=24), "rgb/00000.png: 48 x 64 pixels, metadata says 24 x 64"),
        (lambda root, scene: (scene / "cam_poses.txt").write_text("0 1 2 3\n"), "cam_poses.txt: line 1"),
        (lambda root, scene: (scene / "cam_poses.txt").write_text("\n"), "cam_poses.txt: has no frames"),
        (lambda root, scene: (scene / "masks/00002.png").unlink(), "masks/00002.png: no such file"),
        (lambda root, scene: (scene / "depth/00000.png").write_bytes(b""), "depth/00000.png: empty"),
        (lambda root, scene: flip_a_byte(scene / "depth/00000.png"), "a PNG with a wrong checksum in IDAT"),
        (
            lambda root, scene: cv2.imwrite(str(scene / "depth/00000.png"), np.ones((64, 48), np.uint16)),
            "depth/00000.png: half of all depths are below 0.001 m: in metres",
        ),
        (
            lambda root, scene: cv2.imwrite(str(scene / "depth/00000.png"), np.zeros((64, 48), np.uint16)),
            "depth/00000.png: no pixel has a measured depth",
        ),
        (
            lambda root, scene: cv2.imwrite(str(scene / "depth/00000.png"), np.zeros((64, 48), np.uint8)),
            "depth/00000.png: uint8 [64, 48], expected uint16 [H, W] in millimetres",
        ),
    ],
)
def test_a_broken_folder_is_named(tmp_path: Path, breakage, named: str) -> None:  # type: ignore[no-untyped-def]
    breakage(tmp_path, write(tmp_path))
    with pytest.raises(WorkerError) as caught:
        read(tmp_path)
    assert caught.value.code == "DATA_BROKEN"
    assert named in caught.value.message


def rewrite_metadata(scene: Path, **values: object) -> None:
    path = scene / "metadata"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 10] ^= 255
    path.write_bytes(data)
