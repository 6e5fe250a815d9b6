"""Cutting pictures square and to size, depth and intrinsics along with them."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

P = TypeVar("P", np.uint8, np.uint16, np.float32)


def fit_image(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The middle square of ``[H, W, 3]``, averaged down (or interpolated up) to ``[size, size, 3]``."""
    square = _middle(image)
    side = square.shape[0]
    if side == size:
        return np.ascontiguousarray(square)
    how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=how), np.uint8)


def fit_depth(depth: NDArray[P], size: int) -> NDArray[P]:
    """The middle square of depth ``[H, W]`` at ``[size, size]``, the nearest pixel each.

    Never interpolated: between an object and what lies behind it there is nothing to measure.
    """
    square = _middle(depth)
    side = square.shape[0]
    # cv2's nearest takes the corner of the source cell; the pixel at its centre is wanted.
    pick = ((np.arange(size) + 0.5) * side / size).astype(np.int64)
    return np.ascontiguousarray(square[pick[:, None], pick])


def fit_intrinsics(intrinsics: NDArray[np.float32], height: int, width: int, size: int) -> NDArray[np.float32]:
    """Intrinsics ``[3, 3]`` of a picture ``[height, width]`` after `fit_image`; pixel centres at whole numbers."""
    side = min(height, width)
    scale = size / side
    out = intrinsics.astype(np.float64).copy()
    for axis, extent in ((0, width), (1, height)):
        out[axis, :2] *= scale
        # Half a pixel is as much of the small picture as of the large one only when counted from its edge.
        out[axis, 2] = (intrinsics[axis, 2] - (extent - side) // 2 + 0.5) * scale - 0.5
    return out.astype(np.float32)


def _middle(picture: NDArray[P]) -> NDArray[P]:
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]
