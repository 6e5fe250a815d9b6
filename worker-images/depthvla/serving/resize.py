"""Pictures and depth maps of another size than a policy's, where that was asked for."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from depthvla.data.pictures import fit_depth, fit_image, pick

Resize = Literal["no", "pad", "cut"]
"""What is done to a picture of another size: it is refused, or scaled to fit between black bars (openpi's
``resize_with_pad``), or cut square in its middle as training data is."""


def resize_image(image: object, size: int, how: Resize) -> object:
    """uint8 ``[h, w, 3]`` at ``[size, size, 3]``; what can't be resized, or needn't be, as it is."""
    if how == "no" or not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        return image
    if image.ndim != 3 or image.shape[2] != 3 or not image.size or image.shape[:2] == (size, size):
        return image
    return pad_image(image, size) if how == "pad" else fit_image(image, size)


def resize_depth(depth: object, size: int, how: Resize) -> object:
    """Depth ``[h, w]`` at ``[size, size]``; what can't be resized, or needn't be, as it is."""
    if how == "no" or not isinstance(depth, np.ndarray) or depth.dtype.kind != "f":
        return depth
    if depth.ndim != 2 or not depth.size or depth.shape == (size, size):
        return depth
    return pad_depth(depth, size) if how == "pad" else fit_depth(depth, size)


def pad_image(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """uint8 ``[h, w, 3]`` -> ``[size, size, 3]``: scaled to fit, in the middle of black."""
    height, width, top, left = _fit(image.shape[0], image.shape[1], size)
    out = np.zeros((size, size, 3), np.uint8)
    scaled = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    out[top : top + height, left : left + width] = np.asarray(scaled)
    return out


def pad_depth(depth: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """``[h, w]`` -> ``[size, size]``: as `pad_image`, but depth is picked, never mixed, and 0 around it."""
    height, width, top, left = _fit(depth.shape[0], depth.shape[1], size)
    out = np.zeros((size, size), np.float32)
    rows, columns = pick(0, depth.shape[0], height), pick(0, depth.shape[1], width)
    out[top : top + height, left : left + width] = depth[rows[:, None], columns]
    return out


def _fit(height: int, width: int, size: int) -> tuple[int, int, int, int]:
    """Height and width once scaled, and what is above and left of it; rounded as openpi does."""
    ratio = max(height / size, width / size)
    height, width = max(1, int(height / ratio)), max(1, int(width / ratio))
    return height, width, (size - height) // 2, (size - width) // 2
