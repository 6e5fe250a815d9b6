"""Pictures with depth, whatever dataset they came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "heldout"]


@dataclass(frozen=True)
class RgbdFrame:
    """One picture as its dataset has it.

    Attributes:
        image: uint8 ``[H, W, 3]``.
        depth: float32 ``[h, w]``, metres along the optical axis, 0 = not measured; it may be coarser than the picture.
        intrinsics: float32 ``[3, 3]`` of the picture, pixel centres at whole numbers.
        split: which part of the data it belongs to.
        source: where it came from, for messages.
    """

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    intrinsics: NDArray[np.float32]
    split: Split
    source: str


@dataclass(frozen=True)
class DepthFrames:
    """N pictures of one size, with their depth.

    Attributes:
        images: uint8 ``[N, H, W, 3]``.
        depth: float32 ``[N, H, W]``, metres along the optical axis; 0 = not measured.
        intrinsics: float32 ``[N, 3, 3]``, pixel centres at whole numbers.
        split: ``[N]`` strings, ``train`` or ``heldout``.
    """

    images: NDArray[np.uint8]
    depth: NDArray[np.float32]
    intrinsics: NDArray[np.float32]
    split: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.images)

    def select(self, split: Split) -> DepthFrames:
        """Only the frames of one split."""
        keep = self.split == split
        return DepthFrames(self.images[keep], self.depth[keep], self.intrinsics[keep], self.split[keep])
