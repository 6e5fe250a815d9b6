"""Pictures as JPEG or PNG bytes; `files` reads them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def encode_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Of uint8 ``[H, W, 3]``, RGB."""
    return bytes(cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def encode_png(picture: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """Of uint8 ``[H, W, 3]``, RGB, or of uint16 ``[H, W]``."""
    return bytes(cv2.imencode(".png", picture[..., ::-1] if picture.ndim == 3 else picture)[1])
