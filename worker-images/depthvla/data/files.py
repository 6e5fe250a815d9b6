"""Small files of datasets: pictures, matrices, lists. What is missing, cut short or of another kind is named."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import broken, unreadable

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"


def read_bytes(path: Path) -> bytes:
    """A whole file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def read_text(path: Path, hint: str | None = None) -> str:
    """A whole file of UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise broken(path, unreadable(path, error).problem, hint) from error
    except UnicodeDecodeError as error:
        raise broken(path, f"not a text file ({error.reason} at byte {error.start})") from error


def read_json(path: Path) -> Any:
    """What a JSON file holds."""
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise broken(path, f"not JSON ({error})") from error


def read_names(path: Path, hint: str | None = None) -> list[str]:
    """Names, one a line."""
    return read_text(path, hint).split()


def read_matrix(path: Path) -> NDArray[np.float32]:
    """Float32 ``[4, 4]``, four numbers a line; they may be infinite."""
    rows = [line.split() for line in read_text(path).splitlines() if line.strip()]
    try:
        matrix = np.array(rows, np.float32)
    except ValueError as error:
        raise broken(path, f"{error}, expected 4 x 4 numbers") from error
    if matrix.shape != (4, 4):
        raise broken(path, f"{' x '.join(map(str, matrix.shape))} numbers, expected 4 x 4")
    return matrix


def read_picture(path: Path) -> NDArray[np.uint8]:
    """RGB uint8 ``[H, W, 3]`` of a JPEG or PNG file."""
    return decode_picture(read_bytes(path), path)


def decode_picture(data: bytes, path: Path, where: str = "") -> NDArray[np.uint8]:
    """RGB uint8 ``[H, W, 3]`` of a JPEG or PNG; ``where`` in the file it lies, for messages."""
    bgr = _decode(data, cv2.IMREAD_COLOR, path, where)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def read_millimetres(path: Path) -> NDArray[np.float32]:
    """Metres, float32 ``[H, W]``, of a 16-bit PNG in millimetres; 0 = not measured."""
    return decode_millimetres(read_bytes(path), path).astype(np.float32) / np.float32(1000)


def decode_millimetres(data: bytes, path: Path, where: str = "") -> NDArray[np.uint16]:
    """Millimetres, uint16 ``[H, W]``, of a 16-bit PNG; ``where`` in the file it lies, for messages."""
    raw = _decode(data, cv2.IMREAD_UNCHANGED, path, where)
    if raw.dtype != np.uint16 or raw.ndim != 2:
        raise broken(path, f"{where}{raw.dtype} {list(raw.shape)}, expected uint16 [H, W] in millimetres")
    return np.asarray(raw, np.uint16)


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Bool ``[H, W]`` of a PNG of one channel: whatever is not 0."""
    raw = _decode(read_bytes(path), cv2.IMREAD_UNCHANGED, path, "")
    if raw.ndim != 2:
        raise broken(path, f"{raw.dtype} {list(raw.shape)}, expected a mask [H, W]")
    return np.asarray(raw != 0)


def _decode(data: bytes, how: int, path: Path, where: str) -> NDArray[Any]:
    problem = _cut_short(data)
    # OpenCV fills what is missing of a picture with grey, and says so nowhere that a caller sees.
    picture = None if problem else cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if picture is None:
        raise broken(path, f"{where}{problem or 'not a picture that can be read'}")
    return np.asarray(picture)


def _cut_short(data: bytes) -> str | None:
    """What is wrong with a picture as a container, if anything."""
    if not data:
        return "empty"
    if data.startswith(_JPEG):
        # The end marker can't occur in compressed data: a few bytes of padding may follow it.
        return None if b"\xff\xd9" in data[-1024:] else f"a JPEG that is cut short after {len(data):,} bytes"
    if data.startswith(_PNG):
        return _png_problem(data)
    return f"not a JPEG or PNG (it begins with {data[:4].hex(' ')})"


def _png_problem(data: bytes) -> str | None:
    at = len(_PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        kind = data[at + 4 : at + 8]
        if end > len(data):
            break
        if zlib.crc32(data[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            return f"a PNG with a wrong checksum in {kind.decode('latin-1')} at byte {at:,}"
        if kind == b"IEND":
            return None
        at = end
    return f"a PNG that is cut short after {len(data):,} bytes"
