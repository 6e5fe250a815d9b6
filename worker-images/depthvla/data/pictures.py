"""Cutting pictures square and to size, depth and intrinsics along with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

P = TypeVar("P", np.uint8, np.uint16, np.float32, np.bool_)


@dataclass(frozen=True)
class Window:
    """A square of a picture, in its pixels."""

    top: int
    left: int
    side: int


def middle(height: int, width: int) -> Window:
    """The largest square in the middle."""
    side = min(height, width)
    return Window((height - side) // 2, (width - side) // 2, side)


def cut_image(image: NDArray[np.uint8], window: Window, size: int) -> NDArray[np.uint8]:
    """A square of ``[H, W, 3]``, averaged down (or interpolated up) to ``[size, size, 3]``."""
    square = image[window.top : window.top + window.side, window.left : window.left + window.side]
    if window.side == size:
        return np.ascontiguousarray(square)
    how = cv2.INTER_AREA if window.side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=how), np.uint8)


def cut_depth(depth: NDArray[P], picture: tuple[int, int], window: Window, size: int) -> NDArray[P]:
    """The same square of depth ``[h, w]`` at ``[size, size]``, the nearest pixel each.

    Never interpolated: between an object and what lies behind it there is nothing to measure.

    Args:
        depth: of the same camera as the picture, perhaps coarser.
        picture: (height, width) of the picture, in whose pixels the window is.
        window: the square.
        size: of the result.
    """
    down, across = (of / whole for of, whole in zip(depth.shape, picture, strict=True))
    rows = pick(window.top * down, window.side * down, size)
    columns = pick(window.left * across, window.side * across, size)
    return np.ascontiguousarray(depth[rows[:, None], columns])


def cut_intrinsics(intrinsics: NDArray[np.float32], window: Window, size: int) -> NDArray[np.float32]:
    """Intrinsics ``[3, 3]`` of a picture after `cut_image`; pixel centres at whole numbers."""
    scale = size / window.side
    out = intrinsics.astype(np.float64).copy()
    for axis, start in ((0, window.left), (1, window.top)):
        out[axis, :2] *= scale
        # Half a pixel is as much of the small picture as of the large one only when counted from its edge.
        out[axis, 2] = (intrinsics[axis, 2] - start + 0.5) * scale - 0.5
    return out.astype(np.float32)


def pick(start: float, extent: float, size: int) -> NDArray[np.int64]:
    """Pixels at the centres of ``size`` equal cells from ``start``. (cv2's nearest takes the corner of a cell.)"""
    return (start + (np.arange(size) + 0.5) * extent / size).astype(np.int64)


def fit_image(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The middle square of ``[H, W, 3]`` at ``[size, size, 3]``."""
    return cut_image(image, middle(*image.shape[:2]), size)


def fit_depth(depth: NDArray[P], size: int) -> NDArray[P]:
    """The middle square of depth ``[H, W]``, of a picture of the same size, at ``[size, size]``."""
    height, width = depth.shape
    return cut_depth(depth, (height, width), middle(height, width), size)
