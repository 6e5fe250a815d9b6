"""Depth as colours, the same wherever it is shown."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def depth_colours(depth: NDArray[np.float32], near: float, far: float) -> NDArray[np.uint8]:
    """Metres ``[H, W]`` as RGB ``[H, W, 3]``: yellow is near, dark blue is far, black was not measured.

    Cividis, which the colour-blind can read too, over the logarithm of depth between ``near`` and ``far``.
    """
    valid = np.isfinite(depth) & (depth > 0)
    place = np.log(np.where(valid, depth, far) / near) / max(np.log(far / near), 1e-6)
    grey = ((1.0 - np.clip(place, 0.0, 1.0)) * 255).astype(np.uint8)
    rgb = cv2.applyColorMap(grey, cv2.COLORMAP_CIVIDIS)[..., ::-1]
    return np.where(valid[..., None], rgb, 0).astype(np.uint8)


def depth_range(depth: NDArray[np.float32]) -> tuple[float, float]:
    """Metres between which nearly all measured pixels lie; something sensible where there are none."""
    some = depth[np.isfinite(depth) & (depth > 0)]
    if some.size == 0:
        return 0.5, 2.0
    near, far = np.quantile(some, (0.02, 0.98))
    return float(near), float(max(far, near * 1.01))
