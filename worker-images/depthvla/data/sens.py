"""ScanNet's `.sens` recordings, version 4, little endian, read and written.

::

    u32 version = 4   u64 length, name of the sensor
    4 x float32[16]   colour's intrinsics and extrinsics, depth's intrinsics and extrinsics, row by row
    i32 colour's compression (0 raw RGB, 1 PNG, 2 JPEG)   i32 depth's (0 raw uint16, 1 zlib, 2 OpenNI's)
    u32 width, height of colour   u32 width, height of depth   f32 depth shift (1000: millimetres)   u64 frames
    a frame: float32[16] camera to world   u64 timestamps of colour and depth   u64 bytes of colour and depth   the two
    u64 IMU frames, and those

A pose is all infinite where tracking was lost. Colour and depth are aligned: extrinsics are for the record.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData, broken, unreadable
from depthvla.data.files import decode_picture
from depthvla.data.frames import RgbdFrame, Split
from depthvla.streams.path import remember

VERSION = 4
Colour = Literal["raw", "png", "jpeg"]
Depth = Literal["raw", "zlib"]
_COLOURS: tuple[Colour, ...] = ("raw", "png", "jpeg")
_DEPTHS: tuple[Depth, ...] = ("raw", "zlib")
_REST = struct.Struct("<iiIIIIfQ")
_FRAME = struct.Struct("<64xQQQQ")
_POSE = np.dtype("<f4")


@dataclass(frozen=True)
class Header:
    """What comes before the frames; sizes are (height, width)."""

    intrinsics: NDArray[np.float32]
    colour: Colour
    depth: Depth
    colour_size: tuple[int, int]
    depth_size: tuple[int, int]
    depth_shift: float
    frames: int


class SensScene:
    """A recording. The frames that a cut-off file no longer has are broken ones, not absent."""

    def __init__(self, path: Path, split: Split) -> None:
        self.path, self.split = path, split
        try:
            with path.open("rb") as file:
                self.header = _read_header(file, path)
                found = remember(path, "frames of .sens", lambda: _find_frames(file, self.header.frames))
                self._places = cast("list[tuple[int, int, int]]", found)
        except OSError as error:
            raise unreadable(path, error) from error

    def __len__(self) -> int:
        return self.header.frames

    def load(self, index: int) -> RgbdFrame:
        where = f"frame {index}: "
        if index >= len(self._places):
            size = self.path.stat().st_size
            raise broken(self.path, f"ends after {size:,} bytes, within frame {len(self._places)} of {len(self)}")
        offset, colour_bytes, depth_bytes = self._places[index]
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                data = file.read(_FRAME.size + colour_bytes + depth_bytes)
        except OSError as error:
            raise unreadable(self.path, error) from error
        pose = np.frombuffer(data, _POSE, 16).reshape(4, 4).astype(np.float32)
        image = self._colour(data[_FRAME.size : _FRAME.size + colour_bytes], where + "colour: ")
        depth = self._depth(data[_FRAME.size + colour_bytes :], where + "depth: ")
        source = f"{self.path}: frame {index}"
        return RgbdFrame(image, depth, self.header.intrinsics, self.split, source, source, pose)

    def leftovers(self) -> Iterator[BrokenData]:
        return iter(())

    def _colour(self, data: bytes, where: str) -> NDArray[np.uint8]:
        size = self.header.colour_size
        if self.header.colour == "raw":
            if len(data) != size[0] * size[1] * 3:
                raise broken(self.path, f"{where}{len(data):,} bytes, expected {size[1]} x {size[0]} of RGB")
            return np.frombuffer(data, np.uint8).reshape(*size, 3).copy()
        image = decode_picture(data, self.path, where)
        if image.shape[:2] != size:
            found = f"{image.shape[1]} x {image.shape[0]}"
            raise broken(self.path, f"{where}{found} pixels, the header says {size[1]} x {size[0]}")
        return image

    def _depth(self, data: bytes, where: str) -> NDArray[np.float32]:
        height, width = self.header.depth_size
        if self.header.depth == "zlib":
            try:
                data = zlib.decompress(data)
            except zlib.error as error:
                raise broken(self.path, f"{where}not zlib ({error})") from error
        if len(data) != height * width * 2:
            raise broken(self.path, f"{where}{len(data):,} bytes, expected {width} x {height} of uint16")
        raw = np.frombuffer(data, "<u2").reshape(height, width)
        return raw.astype(np.float32) / np.float32(self.header.depth_shift)


def write_sens(
    path: Path,
    frames: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint16], NDArray[np.float32]]],
    intrinsics: NDArray[np.float32],
    colour: Colour = "jpeg",
    depth: Depth = "zlib",
    depth_shift: float = 1000.0,
) -> None:
    """Write a recording.

    Args:
        path: the file.
        frames: picture uint8 ``[H, W, 3]``, depth uint16 ``[h, w]`` and camera-to-world float32 ``[4, 4]`` of each.
        intrinsics: float32 ``[3, 3]`` of the pictures.
        colour: how pictures are compressed.
        depth: how depth is compressed.
        depth_shift: units of depth in a metre.
    """
    (height, width), (depth_height, depth_width) = frames[0][0].shape[:2], frames[0][1].shape
    scale = np.diag([depth_width / width, depth_height / height, 1.0])
    name = b"StructureSensor"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<IQ", VERSION, len(name)) + name)
        for matrix in (intrinsics, np.eye(3), scale @ intrinsics, np.eye(3)):
            whole = np.eye(4, dtype=_POSE)
            whole[:3, :3] = matrix
            file.write(whole.tobytes())
        kinds = (_COLOURS.index(colour), _DEPTHS.index(depth))
        file.write(_REST.pack(*kinds, width, height, depth_width, depth_height, depth_shift, len(frames)))
        for number, (image, raw, pose) in enumerate(frames):
            picture = _compress(image, colour)
            packed = raw.astype("<u2").tobytes()
            packed = zlib.compress(packed) if depth == "zlib" else packed
            file.write(pose.astype(_POSE).tobytes())
            file.write(struct.pack("<QQQQ", number, number, len(picture), len(packed)) + picture + packed)
        file.write(struct.pack("<Q", 0))


def _compress(image: NDArray[np.uint8], colour: Colour) -> bytes:
    if colour == "raw":
        return image.tobytes()
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    how = [cv2.IMWRITE_JPEG_QUALITY, 95] if colour == "jpeg" else []
    return cv2.imencode(".jpg" if colour == "jpeg" else ".png", bgr, how)[1].tobytes()


def _read_header(file: BinaryIO, path: Path) -> Header:
    start = file.read(12)
    if len(start) < 12:
        raise broken(path, f"ends after {len(start)} bytes, within the header")
    version, length = struct.unpack("<IQ", start)
    if version != VERSION:
        raise broken(path, f"version {version}, expected {VERSION}", "is it a .sens file?")
    if length > 4096:
        raise broken(path, f"the sensor's name has {length:,} bytes, expected a few")
    file.seek(length, 1)
    matrices, rest = file.read(4 * 64), file.read(_REST.size)
    if len(rest) < _REST.size:
        raise broken(path, "ends within the header")
    colour, depth, width, height, depth_width, depth_height, shift, frames = _REST.unpack(rest)
    if not 0 <= colour < len(_COLOURS):
        raise broken(path, f"colour compression {colour}, expected 0 (raw), 1 (PNG) or 2 (JPEG)")
    if not 0 <= depth < len(_DEPTHS):
        raise broken(path, f"depth compression {depth}, expected 0 (raw) or 1 (zlib); 2 (OpenNI's) isn't read here")
    for what, w, h in (("colour", width, height), ("depth", depth_width, depth_height)):
        if not (0 < w <= 1 << 14 and 0 < h <= 1 << 14):
            raise broken(path, f"{what} of {w} x {h} pixels")
    if not (np.isfinite(shift) and shift > 0):
        raise broken(path, f"depth shift {shift}, expected 1000 (units in a metre)")
    if frames > path.stat().st_size:
        raise broken(path, f"says {frames:,} frames, more than it has bytes")
    intrinsics = np.frombuffer(matrices, _POSE, 16).reshape(4, 4)[:3, :3].astype(np.float32)
    return Header(
        intrinsics, _COLOURS[colour], _DEPTHS[depth], (height, width), (depth_height, depth_width), shift, frames
    )


def _find_frames(file: BinaryIO, count: int) -> list[tuple[int, int, int]]:
    """Offset, bytes of colour and bytes of depth of every frame that is there in full."""
    at, size = file.tell(), file.seek(0, 2)
    places = []
    for _ in range(count):
        file.seek(at)
        head = file.read(_FRAME.size)
        if len(head) < _FRAME.size:
            break
        _, _, colour, depth = _FRAME.unpack(head)
        end = at + _FRAME.size + colour + depth
        if end > size:
            break
        places.append((at, colour, depth))
        at = end
    return places
