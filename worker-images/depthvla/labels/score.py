"""How good predicted depth is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def measured(depth: F32) -> NDArray[np.bool_]:
    """Where a depth in metres was measured: 0, NaN and inf mean that it was not."""
    return np.isfinite(depth) & (depth > 0)


def absrel(pred: F32, truth: F32) -> float:
    """Mean over pictures of the mean |p − t| / t over measured pixels. NaN when nothing was measured.

    Args:
        pred, truth: metres ``[N, H, W]``.
    """
    valid = measured(truth).reshape(len(truth), -1)
    t = np.where(valid, truth.reshape(len(truth), -1), 1.0)
    error = np.where(valid, np.abs(pred.reshape(len(pred), -1) - t) / t, 0.0).sum(axis=1, dtype=np.float64)
    pixels = valid.sum(axis=1)
    some = pixels > 0
    return float((error[some] / pixels[some]).mean()) if some.any() else float("nan")


def best_constant(truth: F32) -> float:
    """The one depth in metres that has the least `absrel` on these pictures: what can be had without looking.

    The sum of |c − t| / t is least at the median of t weighted by 1/t.
    """
    pixels = truth[:, ::4, ::4]
    t = np.sort(pixels[measured(pixels)].astype(np.float64))
    if t.size == 0:
        return float("nan")
    weight = np.cumsum(1.0 / t)
    return float(t[np.searchsorted(weight, weight[-1] / 2)])


def mean_log(truth: F32) -> float:
    """Mean of log metres over measured pixels; 0 when there are none."""
    valid = measured(truth)
    return float(np.log(truth[valid]).mean()) if valid.any() else 0.0
