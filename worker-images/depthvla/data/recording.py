"""One demonstration on its way into a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Recording:
    """T frames.

    Attributes:
        instruction: what was asked for.
        images: by camera, uint8 ``[T, H, W, 3]``.
        state: float32 ``[T, S]``.
        action: float32 ``[T, A]``.
        depth: by camera, uint16 ``[T, H, W]`` in millimetres, where a format has a place for it.
    """

    instruction: str
    images: Mapping[str, NDArray[np.uint8]]
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    depth: Mapping[str, NDArray[np.uint16]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.action)
