"""Whether the labels of a clip are to be trusted, as far as that can be told without measured depth.

- share: of the pixels that have a depth at all.
- agreement, where two labellers looked (`fused`): AbsRel and δ₁ of the aligned relative map against the metric one.
- flicker: mean |ln(d′/d)| from one frame to the next, over pixels that have a depth in both and in which the picture
  stands still: grey values, averaged over 3 x 3, that differ by no more than 3 of 255. Nothing is said of a clip in
  which less than 1% of the pixels stand still (a camera that moves).

The measures are ours, after those that single pictures are scored by (metrics.py); thresholds are settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from depthvla.labels.metrics import Scores
from depthvla.runtime.config import Json

U8 = NDArray[np.uint8]
U16 = NDArray[np.uint16]
STILL = 3.0
"""Grey values: more than noise and compression leave after averaging, less than what moves."""
FEWEST_STILL = 0.01


@dataclass(frozen=True)
class Thresholds:
    """Beyond these a clip is flagged."""

    min_share: float = 0.5
    max_absrel: float = 0.25
    min_delta1: float = 0.6
    max_flicker: float = 0.1


@dataclass(frozen=True)
class Quality:
    """
    Attributes:
        absrel, delta1: agreement of two labellers; None where only one looked.
        flicker: None where nothing stands still.
        problem: what the labeller itself said of the clip.
    """

    share: float
    flicker: float | None = None
    absrel: float | None = None
    delta1: float | None = None
    problem: str | None = None

    def flags(self, limits: Thresholds) -> list[str]:
        """Sentences about what is wrong with it."""
        out = []
        if self.problem is not None:
            out.append(self.problem)
        if self.share < limits.min_share:
            out.append(f"{self.share:.0%} of the pixels have a depth, less than {limits.min_share:.0%}")
        if self.absrel is not None and self.absrel > limits.max_absrel:
            out.append(f"the two labellers differ by {self.absrel:.2f} (AbsRel), more than {limits.max_absrel:g}")
        if self.delta1 is not None and self.delta1 < limits.min_delta1:
            out.append(f"the two labellers agree within 25% on {self.delta1:.0%} of the pixels only")
        if self.flicker is not None and self.flicker > limits.max_flicker:
            out.append(f"depth flickers by {self.flicker:.2f} where nothing moves, more than {limits.max_flicker:g}")
        return out

    def to_json(self) -> dict[str, Json]:
        """Rounded: what differs in the last bits from one machine to another is not told apart."""
        measures = {"share": self.share, "flicker": self.flicker, "absrel": self.absrel, "delta1": self.delta1}
        return {name: None if value is None else round(value, 5) for name, value in measures.items()}


@dataclass
class Gates:
    """What the gates need of a clip, frame by frame in any order.

    Args:
        frames: of the clip.
        size: height and width of its labels.
    """

    frames: int
    size: tuple[int, int]
    agreement: Scores = field(default_factory=Scores)

    def __post_init__(self) -> None:
        self._grey = np.zeros((self.frames, *self.size), np.uint8)

    def add(self, frames: NDArray[np.int64], images: U8) -> None:
        """Pictures ``[B, H, W, 3]`` of these frames."""
        for i, image in zip(frames, images, strict=True):
            self._grey[i] = cv2.blur(cv2.cvtColor(at_size(image, self.size), cv2.COLOR_RGB2GRAY), (3, 3))

    def judge(self, depth: U16, problem: str | None) -> Quality:
        """With the labels of all frames, millimetres ``[T, h, w]``."""
        seen = self.agreement
        compared = seen.pixels > 0
        return Quality(
            share=float((depth > 0).mean()) if depth.size else 0.0,
            flicker=flicker(depth, self._grey),
            absrel=seen.absrel if compared else None,
            delta1=seen.within[0] / seen.pixels if compared else None,
            problem=problem,
        )


def at_size(image: U8, size: tuple[int, int]) -> U8:
    """A picture ``[H, W, 3]`` averaged down to the size of the labels."""
    if image.shape[:2] == size:
        return image
    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA), np.uint8)


def flicker(depth: U16, grey: U8) -> float | None:
    """See the top of this module. Depth and (averaged) grey values ``[T, h, w]``."""
    total, still = 0.0, 0
    for one, next_one, before, after in zip(depth[:-1], depth[1:], grey[:-1], grey[1:], strict=True):
        # cv2 takes the difference of unsigned numbers without wrapping around.
        where = (cv2.absdiff(before, after) <= STILL) & (one > 0) & (next_one > 0)
        still += int(np.count_nonzero(where))
        change = np.log(next_one[where].astype(np.float64)) - np.log(one[where].astype(np.float64))
        total += float(np.abs(change).sum())
    pairs = max(0, len(depth) - 1) * int(np.prod(depth.shape[1:]))
    return None if still == 0 or still < FEWEST_STILL * pairs else total / still
