"""Depth datasets side by side in one folder, each in a folder of its format's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from depthvla.data.broken import broken
from depthvla.data.frames import DepthFrames, SceneRef
from depthvla.data.hypersim import list_hypersim
from depthvla.data.pictures import cut_depth, cut_image, cut_intrinsics, middle
from depthvla.data.reading import Tally, Tolerance, read_frames
from depthvla.data.scannet import list_scannet
from depthvla.data.scannetpp import list_scannetpp
from depthvla.data.wildrgbd import list_wildrgbd

FORMATS: dict[str, Callable[[Path], list[SceneRef]]] = {
    "scannet": list_scannet,
    "hypersim": list_hypersim,
    "scannetpp": list_scannetpp,
    "wildrgbd": list_wildrgbd,
}


def load_scenes(
    path: Path, size: int, tolerance: Tolerance | None = None, tell: Callable[[str], None] | None = None
) -> DepthFrames:
    """Read every frame, cut square and scaled to ``size``, intrinsics along with it.

    Args:
        path: the folder with a folder for each format.
        size: height and width.
        tolerance: how much may be broken; by default 1%, and frames without a pose are as good as others.
        tell: is told what was left out, if anything was.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and what is wrong with it.
    """
    found = [name for name in FORMATS if (path / name).is_dir()]
    if not found:
        raise broken(path, f"has none of the folders {', '.join(FORMATS)}")
    scenes = [scene for name in found for scene in FORMATS[name](path / name)]
    tally = Tally()
    images, depth, intrinsics, split = [], [], [], []
    for frame in read_frames(scenes, tolerance or Tolerance(lost_poses="keep"), tally):
        height, width = frame.image.shape[:2]
        window = middle(height, width)
        images.append(cut_image(frame.image, window, size))
        depth.append(cut_depth(frame.depth, (height, width), window, size))
        intrinsics.append(cut_intrinsics(frame.intrinsics, window, size))
        split.append(frame.split)
    if tell and tally.faults:
        tell(f"{path}: {tally.summary()}; {'; '.join(tally.faults)}")
    if not images:
        raise broken(path, "has no frames")
    return DepthFrames(np.stack(images), np.stack(depth), np.stack(intrinsics), np.array(split))
