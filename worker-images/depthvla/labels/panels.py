"""Pictures to judge depth by: input, prediction and truth side by side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

GAP = 2


def depth_panel(
    path: Path, images: NDArray[np.uint8], pred: NDArray[np.float32], truth: NDArray[np.float32] | None, scale: int = 2
) -> None:
    """Writes a PNG with a row for each picture: input, predicted, and (if there is one) true depth.

    Colours are cividis, which the colour-blind can read, over the logarithm of depth; a row has one range, so that
    its two depths can be compared. Black was not measured.

    Args:
        images: uint8 ``[N, H, W, 3]``.
        pred, truth: metres ``[N, H, W]``; 0 = not measured.
    """
    rows = []
    for i, image in enumerate(images):
        reference = pred[i] if truth is None else truth[i]
        near, far = _range(reference)
        cells = [image, colour(pred[i], near, far)]
        if truth is not None:
            cells.append(colour(truth[i], near, far))
        rows.append(_join(cells, axis=1))
    sheet = _join(rows, axis=0).repeat(scale, axis=0).repeat(scale, axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet[..., ::-1]):
        raise OSError(f"{path} can't be written")


def colour(depth: NDArray[np.float32], near: float, far: float) -> NDArray[np.uint8]:
    """Metres ``[H, W]`` as RGB ``[H, W, 3]``: bright is near."""
    valid = np.isfinite(depth) & (depth > 0)
    place = np.log(np.where(valid, depth, far) / near) / max(np.log(far / near), 1e-6)
    grey = ((1.0 - np.clip(place, 0.0, 1.0)) * 255).astype(np.uint8)
    rgb = cv2.applyColorMap(grey, cv2.COLORMAP_CIVIDIS)[..., ::-1]
    return np.where(valid[..., None], rgb, 0).astype(np.uint8)


def _range(depth: NDArray[np.float32]) -> tuple[float, float]:
    some = depth[np.isfinite(depth) & (depth > 0)]
    if some.size == 0:
        return 0.5, 2.0
    near, far = np.quantile(some, (0.02, 0.98))
    return float(near), float(max(far, near * 1.01))


def _join(cells: list[NDArray[np.uint8]], axis: int) -> NDArray[np.uint8]:
    shape = list(cells[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, 255, np.uint8)
    parts = [part for cell in cells for part in (gap, cell)][1:]
    return np.concatenate(parts, axis=axis)
