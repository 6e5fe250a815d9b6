"""Scale and shift between two maps of the same pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depthvla.labels.score import measured

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

PIXELS = 200_000
"""As many are fitted to; more say nothing new."""
FEWEST = 100
_ROUNDS = 30
_TUKEY = 4.685
"""Of the biweight: 95% as efficient as least squares where errors are normal (Holland & Welsch 1977)."""


@dataclass(frozen=True)
class Affine:
    """``scale · x + shift``.

    Attributes:
        inliers: share of the pixels that the fit believed.
        problem: why there is no fit to go by; `scale` and `shift` then mean nothing.
    """

    scale: float
    shift: float
    inliers: float = 1.0
    problem: str | None = None


def least_squares(x: F64, y: F64, weight: F64 | None = None) -> tuple[float, float]:
    """Scale and shift with the least ``Σ w (scale · x + shift - y)²``; scale 0 where x doesn't vary."""
    w = np.ones_like(x) if weight is None else weight
    total = w.sum()
    mx, my = (w * x).sum() / total, (w * y).sum() / total
    variance = (w * (x - mx) ** 2).sum()
    scale = (w * (x - mx) * (y - my)).sum() / variance if variance > 0 else 0.0
    return float(scale), float(my - scale * mx)


def fit_robustly(relative: F32, depth: F32) -> Affine:
    """Scale and shift that take relative inverse depth to that of a metric map, whatever a third of the pixels says.

    By iteratively reweighted least squares: first to the least sum of absolute residuals, which has one minimum; from
    there with Tukey's biweight, which gives outliers no weight at all. Nothing is drawn at random: of many pixels every
    n-th is taken.

    Args:
        relative: inverse depth up to scale and shift, any shape; not finite = none.
        depth: metres, the same shape; 0 = none.
    """
    both = np.isfinite(relative) & measured(depth)
    x, y = relative[both].astype(np.float64), 1.0 / depth[both].astype(np.float64)
    step = max(1, len(x) // PIXELS)
    x, y = x[::step], y[::step]
    if len(x) < FEWEST:
        return Affine(1, 0, 0, f"only {len(x)} pixels have both depths")
    low, high = np.quantile(x, (0.05, 0.95))
    if high - low <= 1e-6 * max(abs(low), abs(high), 1e-12):
        return Affine(1, 0, 0, "the relative map is flat")
    tiny = 1e-6 * float(np.median(np.abs(y)))
    scale, shift = least_squares(x, y)
    for _ in range(_ROUNDS):
        scale, shift = least_squares(x, y, 1.0 / np.maximum(np.abs(scale * x + shift - y), tiny))
    weight = np.ones_like(x)
    for _ in range(_ROUNDS):
        residual = scale * x + shift - y
        sigma = max(1.4826 * float(np.median(np.abs(residual))), tiny)
        weight = np.square(np.maximum(0.0, 1.0 - np.square(residual / (_TUKEY * sigma))))
        scale, shift = least_squares(x, y, weight)
    inliers = float((weight > 0).mean())
    if scale <= 0:
        return Affine(scale, shift, inliers, "the relative map is the other way round: near where it should be far")
    return Affine(scale, shift, inliers)


def to_depth(inverse: F32, farthest: float) -> F32:
    """Metres of inverse depth; what is at infinity or beyond becomes the farthest, NaN stays."""
    return (1.0 / np.maximum(inverse, np.float32(1.0 / farthest))).astype(np.float32)
