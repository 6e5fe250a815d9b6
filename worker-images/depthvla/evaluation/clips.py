"""Pictures and short clips for people to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

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


def colour_depth(depth: NDArray[np.float32], near: float, far: float) -> NDArray[np.uint8]:
    """Depth ``[H, W]`` in metres as RGB ``[H, W, 3]``: red is near, blue is far, black was not measured.

    Colours follow 1/depth: a far wall would otherwise take most of them.
    """
    valid = np.isfinite(depth) & (depth > 0)
    inverse = 1 / np.where(valid, depth, far)
    scaled = np.clip((inverse - 1 / far) / max(1 / near - 1 / far, 1e-6), 0, 1)
    colours = cv2.applyColorMap((scaled * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    return np.where(valid[..., None], colours, 0).astype(np.uint8)


def write_rows(path: Path, rows: Sequence[Sequence[NDArray[np.uint8]]], *, scale: int = 2) -> None:
    """A PNG of pictures of one size, in rows, each pixel ``scale`` times as large."""
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet.repeat(scale, axis=0).repeat(scale, axis=1)).save(path)


def depth_pair(rgb: NDArray[np.uint8], depth: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """A picture and its depth side by side, coloured over the range that it holds."""
    measured = depth[depth > 0]
    near, far = np.quantile(measured, (0.02, 0.98)) if measured.size else (0.5, 2.0)
    return [rgb, colour_depth(depth, float(near), float(far))]
