"""Pictures with depth, whatever dataset they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData

Split = Literal["train", "heldout"]


@dataclass(frozen=True)
class RgbdFrame:
    """One picture as its dataset has it.

    Attributes:
        image: uint8 ``[H, W, 3]``.
        depth: float32 ``[h, w]``, metres along the optical axis, 0 = not measured; it may be coarser than the picture.
        intrinsics: float32 ``[3, 3]`` of the picture, pixel centres at whole numbers.
        split: which part of the data it belongs to.
        source: where it came from, for messages: a file, or `file: frame 3`.
        depth_source: where its depth came from.
        pose: float32 ``[4, 4]`` camera-to-world in metres, OpenCV axes (x right, y down, z forward); not finite where
            tracking was lost; None where the dataset has none.
        mask: bool ``[h, w]``, the pixels of the object that the picture is of; None where the dataset outlines none.
    """

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    intrinsics: NDArray[np.float32]
    split: Split
    source: str
    depth_source: str
    pose: NDArray[np.float32] | None = None
    mask: NDArray[np.bool_] | None = None

    @property
    def lost(self) -> bool:
        """Whether the dataset has poses, but none for this frame."""
        return self.pose is not None and not np.isfinite(self.pose).all()


class Scene(Protocol):
    """A recording, opened: frames by their place, cheapest in rising order. Every mistake in it is a `BrokenData`."""

    def __len__(self) -> int: ...

    def load(self, index: int) -> RgbdFrame:
        """The frame at a place; any frame can be broken without the others being so."""
        ...

    def leftovers(self) -> Iterator[BrokenData]:
        """What lies in the scene that no frame takes up: depth without a picture, and the like."""
        ...


@dataclass(frozen=True)
class SceneRef:
    """A recording that a dataset lists. It travels between processes; what it opens need not.

    Attributes:
        path: its folder.
        split: which part of the data it belongs to.
        reader: what reads it.
    """

    path: Path
    split: Split
    reader: Callable[[Path, Split], Scene]

    def open(self) -> Scene:
        """Raises `BrokenData` where what all its frames need is missing."""
        return self.reader(self.path, self.split)
