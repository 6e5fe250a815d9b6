"""Pictures as JPEG or PNG bytes, there and back."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def decode_colour(data: bytes) -> NDArray[np.uint8]:
    """uint8 ``[H, W, 3]``, RGB.

    Raises:
        ValueError: when it is no picture.
    """
    picture = _decode(data, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def decode_millimetres(data: bytes) -> NDArray[np.uint16]:
    """uint16 ``[H, W]`` of a 16-bit PNG.

    Raises:
        ValueError: when it is no such picture.
    """
    picture = _decode(data, cv2.IMREAD_UNCHANGED)
    if picture.dtype != np.uint16 or picture.ndim != 2:
        raise ValueError(f"a picture of {picture.dtype} {list(picture.shape)}, expected uint16 with one channel")
    return np.asarray(picture, np.uint16)


def encode_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Of uint8 ``[H, W, 3]``, RGB."""
    return bytes(cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def encode_png(picture: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """Of uint8 ``[H, W, 3]``, RGB, or of uint16 ``[H, W]``."""
    return bytes(cv2.imencode(".png", picture[..., ::-1] if picture.ndim == 3 else picture)[1])


def _decode(data: bytes, how: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), how) if data else None
    if picture is None:
        raise ValueError(f"{len(data)} bytes that are not a picture")
    return picture  # type: ignore[return-value]
