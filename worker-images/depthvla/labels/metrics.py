"""How good labels are, beside measured depth.

For a picture with N pixels that both have, p predicted and t true, in metres (as in Eigen et al. 2014):

- AbsRel = 1/N Σ |p - t| / t
- RMSE = √(1/N Σ (p - t)²)
- δ₁, δ₂, δ₃: how many pixels have max(p/t, t/p) < 1.25, 1.25², 1.25³

AbsRel and RMSE are means over the pictures that have any; counts are over all pixels. `Aligned` says what is forgiven,
in each picture by itself: nothing; its scale, p · median(t) / median(p) (Zhou et al. 2017); or scale and shift of
inverse depth, by least squares (Ranftl et al. 2020, "MiDaS").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from depthvla.labels.alignment import least_squares, to_depth
from depthvla.labels.score import measured

Aligned = Literal["none", "median", "affine"]
ALIGNED: tuple[Aligned, ...] = get_args(Aligned)
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
FARTHEST = 100.0
"""Metres; where scale and shift take a pixel to infinity or beyond, it is there."""


@dataclass
class Scores:
    """Sums over the pictures that were added."""

    aligned: Aligned = "none"
    pictures: int = 0
    pixels: int = 0
    within: list[int] = field(default_factory=lambda: [0, 0, 0])
    _absrel: float = 0.0
    _rmse: float = 0.0

    def add(self, pred: F32, truth: F32) -> None:
        """Pictures ``[N, H, W]`` in metres; 0, NaN and inf = none. Only what both have counts."""
        for p, t in zip(pred, truth, strict=True):
            both = measured(p) & measured(t)
            if not both.any():
                continue
            true = t[both].astype(np.float64)
            close = align(p[both].astype(np.float64), true, self.aligned)
            ratio = np.maximum(close / true, true / close)
            self.pictures += 1
            self.pixels += true.size
            self._absrel += float((np.abs(close - true) / true).mean())
            self._rmse += float(np.sqrt(np.square(close - true).mean()))
            for i in range(3):
                self.within[i] += int(np.count_nonzero(ratio < 1.25 ** (i + 1)))

    @property
    def absrel(self) -> float:
        """NaN where nothing was compared."""
        return self._absrel / self.pictures if self.pictures else float("nan")

    @property
    def rmse(self) -> float:
        """Metres; NaN where nothing was compared."""
        return self._rmse / self.pictures if self.pictures else float("nan")


def align(pred: F64, truth: F64, how: Aligned) -> F64:
    """Pixels of one picture, ``[N]`` metres, with what is forgiven taken away."""
    if how == "none":
        return pred
    if how == "median":
        return np.asarray(pred * (np.median(truth) / np.median(pred)), np.float64)
    scale, shift = least_squares(1.0 / pred, 1.0 / truth)
    return to_depth((scale / pred + shift).astype(np.float32), FARTHEST).astype(np.float64)


def results(scores: dict[Aligned, Scores], prefix: str = "label") -> dict[str, float | dict[str, int]]:
    """Metrics by name; nothing of those that compared nothing."""
    out: dict[str, float | dict[str, int]] = {}
    for how, each in scores.items():
        if not each.pictures:
            continue
        name = prefix if how == "none" else f"{prefix}.{how}_aligned"
        out[f"{name}.absrel"], out[f"{name}.rmse"] = each.absrel, each.rmse
        for count, said in zip(each.within, ("within_25_percent", "delta2", "delta3"), strict=True):
            out[f"{name}.{said}"] = {"k": count, "n": each.pixels}
    return out
