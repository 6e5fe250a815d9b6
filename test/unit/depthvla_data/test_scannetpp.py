import json
import struct
from pathlib import Path
from typing import get_args

import lz4.block
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from depthvla.data.broken import BrokenData
from depthvla.data.depth_stream import DepthStream, Layout, write_depth_stream
from depthvla.data.frames import RgbdFrame
from depthvla.data.scannetpp import IphoneScene, list_scannetpp, write_scannetpp, write_scannetpp_lists
from depthvla.data.video import VideoWriter
from depthvla.runtime.failure import WorkerError
from scene_frames import read_frames, read_what_can_be

INTRINSICS = np.array([[60, 0, 31.5], [0, 60, 23.5], [0, 0, 1]], np.float32)
COUNT = 4


def depth(number: int) -> np.ndarray:
    out = np.full((192, 256), 1 + number / 4, np.float32)
    out[0, 0] = 0
    return out


def write(root: Path, layout: Layout = "lz4-frames", masks=()) -> Path:  # type: ignore[no-untyped-def]
    pictures = [np.full((48, 64, 3), (60 * n, 40, 200), np.uint8) for n in range(COUNT)]
    poses = [np.eye(4, dtype=np.float32) * (n + 1) for n in range(COUNT)]
    write_scannetpp(root, "0a1b2c3d4e", pictures, [depth(n) for n in range(COUNT)], INTRINSICS, poses, layout, masks)
    write_scannetpp_lists(root, {"train": ["0a1b2c3d4e"], "heldout": []})
    return root / "data/0a1b2c3d4e/iphone"


def read(root: Path, every: int = 1) -> list[RgbdFrame]:
    return read_frames(list_scannetpp(root), every)


@pytest.mark.parametrize("layout", get_args(Layout))
def test_depth_is_read_back_whichever_layout_its_file_has(tmp_path: Path, layout: Layout) -> None:
    path = tmp_path / "depth.bin"
    write_depth_stream(path, [depth(n) for n in range(COUNT)], layout)
    stream = DepthStream(path)
    for number in (0, 2, 3, 1):
        assert_allclose(stream.load(number), depth(number))
    with pytest.raises(BrokenData, match=r"depth\.bin: ends after 4 whole frames"):
        stream.load(4)
    # What was there stays so after looking past the end.
    assert_allclose(stream.load(1), depth(1))


def test_an_lz4_file_is_laid_out_as_published(tmp_path: Path) -> None:
    path = tmp_path / "depth.bin"
    write_depth_stream(path, [depth(1)], "lz4-frames")
    data = path.read_bytes()
    (size,) = struct.unpack_from("<I", data)
    assert size == len(data) - 4
    raw = np.frombuffer(lz4.block.decompress(data[4:], uncompressed_size=192 * 256 * 2), np.uint16)
    assert_array_equal(raw.reshape(192, 256)[0, :2], [0, 1250])


def test_what_is_not_finite_was_not_measured(tmp_path: Path) -> None:
    frame = depth(0)
    frame[1, :3] = (np.nan, np.inf, -1)
    write_depth_stream(tmp_path / "depth.bin", [frame], "deflate")
    assert_array_equal(DepthStream(tmp_path / "depth.bin").load(0)[1, :4], [0, 0, 0, 1])


def test_a_frame_is_the_same_one_in_video_depth_and_poses(tmp_path: Path) -> None:
    write(tmp_path)
    frames = read(tmp_path)
    assert len(frames) == COUNT
    for number, frame in enumerate(frames):
        assert_allclose(frame.image[20, 20], (60 * number, 40, 200), atol=6)
        assert_allclose(frame.depth, depth(number))
        assert frame.pose is not None
        assert frame.pose[0, 0] == number + 1
    assert_allclose(frames[0].intrinsics, INTRINSICS)


def test_every_second_frame_is_the_same_frame_as_without_leaving_any_out(tmp_path: Path) -> None:
    write(tmp_path, "deflate")
    (_, third), (_, _, same, _) = read(tmp_path, 2), read(tmp_path)
    assert_array_equal(third.image, same.image)
    assert_array_equal(third.depth, same.depth)
    scene = IphoneScene(tmp_path / "data/0a1b2c3d4e/iphone", "train")
    assert_array_equal(scene.load(3).image, read(tmp_path)[3].image)
    assert_array_equal(scene.load(2).image, same.image)


def test_depth_behind_what_was_made_anonymous_counts_as_not_measured(tmp_path: Path) -> None:
    mask = np.ones((48, 64), bool)
    mask[:24, :32] = False
    write(tmp_path, masks=[mask] * COUNT)
    measured = read(tmp_path)[1].depth > 0
    assert not measured[:90, :120].any()
    assert measured[100:].all()


def test_a_missing_pose_is_none(tmp_path: Path) -> None:
    folder = write(tmp_path)
    cameras = json.loads((folder / "pose_intrinsic_imu.json").read_text())
    del cameras["frame_000001"]["aligned_pose"]
    (folder / "pose_intrinsic_imu.json").write_text(json.dumps(cameras))
    assert [frame.pose is None for frame in read(tmp_path)] == [False, True, False, False]


@pytest.mark.parametrize("layout", get_args(Layout))
def test_a_half_written_depth_file_loses_its_last_frames_only(tmp_path: Path, layout: Layout) -> None:
    folder = write(tmp_path, layout)
    data = (folder / "depth.bin").read_bytes()
    (folder / "depth.bin").write_bytes(data[:-30])
    frames, (fault,) = read_what_can_be(list_scannetpp(tmp_path))
    assert len(frames) == COUNT - 1
    assert "depth.bin: ends after 3 whole frames" in fault.message


def test_a_half_written_video_loses_its_last_frames_only(tmp_path: Path) -> None:
    folder = write(tmp_path)
    video = VideoWriter(folder / "rgb.mkv", 48, 64, fps=60)
    video.write(np.random.default_rng(0).integers(0, 255, (COUNT, 48, 64, 3), np.uint8))
    video.close()
    data = (folder / "rgb.mkv").read_bytes()
    (folder / "rgb.mkv").write_bytes(data[: len(data) * 3 // 4])
    frames, faults = read_what_can_be(list_scannetpp(tmp_path))
    assert 0 < len(frames) == COUNT - len(faults) < COUNT
    assert f"rgb.mkv: ends after {len(frames)} frames" in faults[0].message
    scene = IphoneScene(folder, "train")
    with pytest.raises(BrokenData, match="ends after"):
        scene.load(3)
    assert_array_equal(scene.load(0).image, frames[0].image)


def test_a_block_that_is_neither_compression_is_one_broken_frame(tmp_path: Path) -> None:
    folder = write(tmp_path)
    data = bytearray((folder / "depth.bin").read_bytes())
    (first,) = struct.unpack_from("<I", data)
    data[4 + first + 4 : 4 + first + 40] = b"\xff" * 36
    (folder / "depth.bin").write_bytes(data)
    frames, (fault,) = read_what_can_be(list_scannetpp(tmp_path))
    assert len(frames) == COUNT - 1
    assert "frame 1: neither an LZ4 block" in fault.message


@pytest.mark.parametrize(
    ("breakage", "named"),
    [
        (lambda root, scene: (root / "splits/nvs_sem_val.txt").unlink(), "nvs_sem_val.txt: no such file"),
        (lambda root, scene: (scene / "rgb.mkv").unlink(), "rgb.mkv: no such file"),
        (lambda root, scene: (scene / "rgb.mkv").write_bytes(b"no"), "rgb.mkv: not a video"),
        (lambda root, scene: (scene / "depth.bin").unlink(), "depth.bin: no such file"),
        (lambda root, scene: (scene / "depth.bin").write_bytes(b""), "depth.bin: neither deflate"),
        (
            lambda root, scene: (scene / "depth.bin").write_bytes(b"\x07\0\0\0nothing of it"),
            "depth.bin: neither deflate",
        ),
        (lambda root, scene: (scene / "pose_intrinsic_imu.json").write_text("{"), "not JSON"),
        (lambda root, scene: (scene / "pose_intrinsic_imu.json").write_text("{}"), "has no frame_000000"),
        (
            lambda root, scene: (scene / "pose_intrinsic_imu.json").write_text('{"frame_000000": {"intrinsic": [1]}}'),
            "frame_000000.intrinsic is not 3 x 3 numbers",
        ),
    ],
)
def test_a_broken_folder_is_named(tmp_path: Path, breakage, named: str) -> None:  # type: ignore[no-untyped-def]
    scene = write(tmp_path)
    breakage(tmp_path, scene)
    with pytest.raises(WorkerError) as caught:
        read(tmp_path)
    assert caught.value.code == "DATA_BROKEN"
    assert named in caught.value.message


def test_depth_in_millimetres_where_metres_are_expected_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path)
    write_depth_stream(folder / "depth.bin", [depth(n) * 1000 for n in range(COUNT)], "deflate")
    with pytest.raises(WorkerError, match=r"depth\.bin: frame 0: .* in millimetres, where metres are expected"):
        read(tmp_path)
