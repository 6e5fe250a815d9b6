"""Depth datasets side by side in one folder: ``scannet/`` and ``hypersim/``, either or both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from depthvla.data.broken import broken
from depthvla.data.frames import DepthFrames, RgbdFrame
from depthvla.data.hypersim import read_hypersim
from depthvla.data.pictures import fit_depth, fit_image, fit_intrinsics
from depthvla.data.scannet import read_scannet

READERS: dict[str, Callable[[Path], Iterator[RgbdFrame]]] = {"scannet": read_scannet, "hypersim": read_hypersim}


def load_scenes(path: Path, size: int) -> DepthFrames:
    """Read every frame, cut square and scaled to ``size``, intrinsics along with it.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and what is wrong with it.
    """
    found = [name for name in READERS if (path / name).is_dir()]
    if not found:
        raise broken(path, f"has none of the folders {', '.join(READERS)}")
    images, depth, intrinsics, split = [], [], [], []
    for name in found:
        for frame in READERS[name](path / name):
            height, width = frame.image.shape[:2]
            images.append(fit_image(frame.image, size))
            depth.append(fit_depth(frame.depth, size))
            intrinsics.append(fit_intrinsics(frame.intrinsics, height, width, size))
            split.append(frame.split)
    if not images:
        raise broken(path, "has no frames")
    return DepthFrames(np.stack(images), np.stack(depth), np.stack(intrinsics), np.array(split))
