import struct
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from depthvla.data.broken import BrokenData
from depthvla.data.scannet import list_scannet, write_scannet_lists
from depthvla.data.sens import Colour, SensScene, write_sens
from depthvla.runtime.failure import WorkerError
from scene_frames import read_frames, read_what_can_be

INTRINSICS = np.array([[58.5, 0, 31.9], [0, 58.5, 23.7], [0, 0, 1]], np.float32)
HEADER = 4 + 8 + len("StructureSensor") + 4 * 64


def recording(count: int = 3) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Colour finer than depth, as ScanNet's is."""
    pose = np.eye(4, dtype=np.float32)
    pose[:3, 3] = (0.1, 0.2, 0.3)
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32] = (200, 100, 50)
    depth = np.full((24, 32), 1234, np.uint16)
    depth[0, 0] = 0
    return [(image, depth, pose) for _ in range(count)]


def write(root: Path, **how) -> Path:  # type: ignore[no-untyped-def]
    """A dataset of one recording, laid out as it is downloaded."""
    write_scannet_lists(root, {"train": ["scene0000_00"], "heldout": []})
    path = root / "scans/scene0000_00/scene0000_00.sens"
    write_sens(path, how.pop("frames", recording()), INTRINSICS, **how)
    return path


@pytest.mark.parametrize("colour", get_args(Colour))
@pytest.mark.parametrize("depth", ["raw", "zlib"])
def test_a_recording_is_read_back_whatever_its_compression(tmp_path: Path, colour: Colour, depth) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path, colour=colour, depth=depth)
    frames = read_frames(list_scannet(tmp_path))
    assert len(frames) == 3
    assert_allclose(frames[1].image[10, 10], (200, 100, 50), atol=3)
    assert frames[1].depth.shape == (24, 32)
    assert (frames[1].depth[0, 0], frames[1].depth[5, 5]) == (0, np.float32(1.234))
    assert_allclose(frames[1].intrinsics, INTRINSICS)
    assert frames[1].pose is not None
    assert_allclose(frames[1].pose[:3, 3], (0.1, 0.2, 0.3))
    assert frames[2].source.endswith("scene0000_00.sens: frame 2")


def test_the_bytes_are_those_of_the_published_format(tmp_path: Path) -> None:
    data = write(tmp_path, colour="raw", depth="raw", frames=recording(1)).read_bytes()
    assert struct.unpack_from("<I", data) == (4,)
    assert struct.unpack_from("<Q", data, 4) == (15,)
    assert_allclose(np.frombuffer(data, "<f4", 16, 27).reshape(4, 4)[:3, :3], INTRINSICS)
    # Depth's intrinsics are those of the picture at depth's size.
    assert_allclose(np.frombuffer(data, "<f4", 16, 27 + 128)[0], 58.5 / 2)
    assert struct.unpack_from("<iiIIIIfQ", data, HEADER) == (0, 0, 64, 48, 32, 24, 1000.0, 1)
    frame = HEADER + 36
    assert struct.unpack_from("<QQQQ", data, frame + 64) == (0, 0, 64 * 48 * 3, 32 * 24 * 2)
    assert len(data) == frame + 64 + 32 + 64 * 48 * 3 + 32 * 24 * 2 + 8


def test_frames_can_be_read_in_any_order(tmp_path: Path) -> None:
    frames = recording()
    for number, (_, depth, _) in enumerate(frames):
        frames[number] = (frames[number][0], depth + np.uint16(number), frames[number][2])
    scene = SensScene(write(tmp_path, frames=frames), "train")
    assert_array_equal([scene.load(i).depth[5, 5] for i in (2, 0, 1)], np.float32([1.236, 1.234, 1.235]))


def test_a_frame_whose_tracking_was_lost_is_left_out_and_counted(tmp_path: Path) -> None:
    frames = recording()
    frames[1] = (frames[1][0], frames[1][1], np.full((4, 4), -np.inf, np.float32))
    write(tmp_path, frames=frames)
    assert [(f.source[-1], f.lost) for f in read_frames(list_scannet(tmp_path))] == [
        ("0", False), ("1", True), ("2", False)
    ]  # fmt: skip


def test_frames_that_a_half_written_file_lacks_are_broken_not_absent(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:-500])
    frames, (fault,) = read_what_can_be(list_scannet(tmp_path))
    assert len(frames) == 2
    assert "within frame 2 of 3" in fault.message


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        (0, struct.pack("<I", 3), "version 3, expected 4"),
        (0, b"\x89PNG", "version 1196314761, expected 4"),
        (4, struct.pack("<Q", 1 << 60), "the sensor's name has"),
        (HEADER, struct.pack("<i", 7), "colour compression 7"),
        (HEADER + 4, struct.pack("<i", 2), "depth compression 2, expected 0 (raw) or 1 (zlib)"),
        (HEADER + 8, struct.pack("<I", 0), "colour of 0 x 48 pixels"),
        (HEADER + 24, struct.pack("<f", 0), "depth shift 0.0"),
        (HEADER + 28, struct.pack("<Q", 1 << 50), "more than it has bytes"),
    ],
)
def test_a_header_that_is_not_one_is_named(tmp_path: Path, at: int, value: bytes, said: str) -> None:
    path = write(tmp_path)
    data = bytearray(path.read_bytes())
    data[at : at + len(value)] = value
    path.write_bytes(data)
    with pytest.raises(BrokenData) as caught:
        SensScene(path, "train")
    assert said in caught.value.message
    assert caught.value.path == path


@pytest.mark.parametrize("size", [0, 3, 40, HEADER + 10])
def test_a_file_that_ends_within_its_header_is_named(tmp_path: Path, size: int) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(WorkerError, match="within the header"):
        read_frames(list_scannet(tmp_path))


def test_frames_of_another_size_than_the_header_says_are_named(tmp_path: Path) -> None:
    path = write(tmp_path)
    data = bytearray(path.read_bytes())
    data[HEADER + 8 : HEADER + 24] = struct.pack("<IIII", 32, 48, 16, 24)
    path.write_bytes(data)
    scene = SensScene(path, "train")
    with pytest.raises(BrokenData, match="frame 0: colour: 64 x 48 pixels, the header says 32 x 48"):
        scene.load(0)
    data[HEADER + 8 : HEADER + 16] = struct.pack("<II", 64, 48)
    path.write_bytes(data)
    with pytest.raises(BrokenData, match="frame 1: depth: 1,536 bytes, expected 16 x 24 of uint16"):
        SensScene(path, "train").load(1)


def test_depth_in_another_unit_than_its_shift_says_is_told(tmp_path: Path) -> None:
    metres = [(image, (depth // 1000).astype(np.uint16), pose) for image, depth, pose in recording()]
    write(tmp_path, frames=metres)
    with pytest.raises(WorkerError, match=r"below 0\.001 m: in metres, where millimetres are expected"):
        read_frames(list_scannet(tmp_path))
    write(tmp_path, depth_shift=1.0)
    with pytest.raises(WorkerError, match="above 1,234 m: in millimetres, where metres are expected"):
        read_frames(list_scannet(tmp_path))
