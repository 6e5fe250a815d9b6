"""Pictures to judge depth by: input, prediction and truth side by side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from depthvla.data.depth_colours import depth_colours, depth_range

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
        near, far = depth_range(reference)
        cells = [image, depth_colours(pred[i], near, far)]
        if truth is not None:
            cells.append(depth_colours(truth[i], near, far))
        rows.append(_join(cells, axis=1))
    sheet = _join(rows, axis=0).repeat(scale, axis=0).repeat(scale, axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet[..., ::-1]):
        raise OSError(f"{path} can't be written")


def _join(cells: list[NDArray[np.uint8]], axis: int) -> NDArray[np.uint8]:
    shape = list(cells[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, 255, np.uint8)
    parts = [part for cell in cells for part in (gap, cell)][1:]
    return np.concatenate(parts, axis=axis)
