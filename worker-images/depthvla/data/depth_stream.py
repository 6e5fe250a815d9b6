"""ScanNet++'s `iphone/depth.bin`, read and written: depth of an iPhone's LiDAR, 192 x 256, frame after frame.

Two layouts are about, and nothing in the file says which it is:

- one raw deflate stream of float32 metres, or
- per frame u32 size (little endian) and so many bytes: an LZ4 block of uint16 millimetres, or raw deflate of float32
  metres.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import lz4.block
import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import broken, unreadable
from depthvla.data.truth import to_millimetres

SHAPE = (192, 256)
Layout = Literal["deflate", "lz4-frames", "deflate-frames"]
_METRES = SHAPE[0] * SHAPE[1] * 4
_MILLIMETRES = SHAPE[0] * SHAPE[1] * 2
_CHUNK = 1 << 18


class DepthStream:
    """Depth of a recording. Memory is a frame's, whatever the file's size; rising order is cheapest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
            self._blocks = _find_blocks(self._file)
        except OSError as error:
            raise unreadable(path, error) from error
        self._end: tuple[int, str] | None = None
        self._restart()
        if self._blocks is None:
            self.load(0)

    def load(self, index: int) -> NDArray[np.float32]:
        """Metres, float32 ``[192, 256]``, 0 = not measured."""
        data = self._from_blocks(index) if self._blocks is not None else self._from_whole(index)
        if len(data) == _MILLIMETRES:
            return np.frombuffer(data, "<u2").reshape(SHAPE).astype(np.float32) / np.float32(1000)
        metres = np.frombuffer(data, "<f4").reshape(SHAPE).astype(np.float32)
        return np.where(np.isfinite(metres) & (metres > 0), metres, np.float32(0))

    def _from_blocks(self, index: int) -> bytes:
        assert self._blocks is not None
        if index >= len(self._blocks):
            raise broken(self.path, f"ends after {len(self._blocks)} whole frames")
        offset, size = self._blocks[index]
        self._file.seek(offset)
        data = _unpack(self._file.read(size))
        if data is None:
            raise broken(self.path, f"frame {index}: neither an LZ4 block of uint16 nor deflate of float32, 192 x 256")
        return data

    def _from_whole(self, index: int) -> bytes:
        data = b""
        if self._end is None or index < self._end[0]:
            if index < self._next:
                self._restart()
            while self._next <= index and (data := self._inflate()):
                pass
        if not data:
            frames, problem = self._end or (0, "")
            unknown = "neither deflate of float32 metres nor frames of [u32 size][LZ4 or deflate]"
            raise broken(self.path, problem if frames else unknown)
        return data

    def _inflate(self) -> bytes:
        """The next frame; empty where there is none, and `_end` then says why."""
        out = bytearray()
        while len(out) < _METRES:
            pending = self._inflater.unconsumed_tail or self._file.read(_CHUNK)
            if not pending or self._inflater.eof:
                self._end = (self._next, f"ends after {self._next} whole frames")
                return b""
            try:
                out += self._inflater.decompress(pending, _METRES - len(out))
            except zlib.error as error:
                self._end = (self._next, f"is broken after {self._next} whole frames ({error})")
                return b""
        self._next += 1
        return bytes(out)

    def _restart(self) -> None:
        self._file.seek(0)
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._next = 0


def write_depth_stream(path: Path, frames: Sequence[NDArray[np.float32]], layout: Layout) -> None:
    """Write frames, each float32 ``[192, 256]`` in metres, 0 = not measured."""
    if layout == "deflate":
        path.write_bytes(_deflate(b"".join(frame.astype("<f4").tobytes() for frame in frames)))
        return
    with path.open("wb") as file:
        for frame in frames:
            packed = (
                lz4.block.compress(to_millimetres(frame).astype("<u2").tobytes(), store_size=False)
                if layout == "lz4-frames"
                else _deflate(frame.astype("<f4").tobytes())
            )
            file.write(struct.pack("<I", len(packed)) + packed)


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def _find_blocks(file: BinaryIO) -> list[tuple[int, int]] | None:
    """Offset and size of every whole block; None where the file doesn't begin with one."""
    blocks: list[tuple[int, int]] = []
    at, end = 0, file.seek(0, 2)
    while at + 4 <= end:
        file.seek(at)
        (size,) = struct.unpack("<I", file.read(4))
        if at + 4 + size > end:
            break
        # What is one deflate stream can't also begin with a block that unpacks to a frame's size.
        if not blocks and _unpack(file.read(size)) is None:
            return None
        blocks.append((at + 4, size))
        at += 4 + size
    return blocks or None


def _unpack(data: bytes) -> bytes | None:
    """A frame's bytes; None where a block is neither LZ4 nor deflate of the right size."""
    try:
        out: bytes = lz4.block.decompress(data, uncompressed_size=_MILLIMETRES)
        if len(out) == _MILLIMETRES:
            return out
    except (lz4.block.LZ4BlockError, ValueError):
        pass
    try:
        out = zlib.decompress(data, wbits=-zlib.MAX_WBITS)
    except zlib.error:
        return None
    return out if len(out) == _METRES else None
