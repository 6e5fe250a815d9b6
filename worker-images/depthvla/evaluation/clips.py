"""Pictures and short clips for people to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from depthvla.data.depth_colours import depth_colours, depth_range

MAX_CLIP_BYTES = 300_000


def write_clip(path: Path, pictures: Iterable[NDArray[np.uint8]], *, fps: float, width: int = 192) -> None:
    """An endless animated WebP of pictures ``[H, W, 3]``, ``width`` pixels wide, at most `MAX_CLIP_BYTES`.

    Too large a clip loses every other picture until it fits.
    """
    kept = [Image.fromarray(p).resize((width, round(width * p.shape[0] / p.shape[1]))) for p in pictures]
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        # The end is held, so that one sees what came of it.
        durations = [round(1000 / fps)] * (len(kept) - 1) + [1200]
        kept[0].save(path, save_all=True, append_images=kept[1:], duration=durations, loop=0, quality=60, method=2)
        if path.stat().st_size <= MAX_CLIP_BYTES or len(kept) < 4:
            return
        kept, fps = kept[::2], fps / 2


def write_rows(path: Path, rows: Sequence[Sequence[NDArray[np.uint8]]], *, scale: int = 2) -> None:
    """A PNG of pictures of one size, in rows, each pixel ``scale`` times as large."""
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet.repeat(scale, axis=0).repeat(scale, axis=1)).save(path)


def depth_pair(rgb: NDArray[np.uint8], depth: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """A picture and its depth side by side, coloured over the range that it holds."""
    near, far = depth_range(depth)
    return [rgb, depth_colours(depth, near, far)]
