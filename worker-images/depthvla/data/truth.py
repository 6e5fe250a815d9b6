"""Measured depth of demonstrations, kept apart from them: labels are scored against it, and training never sees it.

One ``depth.npz``: ``depth`` uint16 ``[N, H, W]`` in millimetres, 0 = not measured, in the order of the frames;
``intrinsics`` float32 ``[3, 3]``, pixel centres at whole numbers; ``camera_to_world`` float32 ``[4, 4]``, OpenCV axes;
``placement`` int64 ``[E]``, the simulator's placement of each episode.
(Not HDF5: its compressed chunks differ from one writing to the next, and an artifact should not.)
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import broken
from depthvla.data.pictures import fit_depth

FILE = "depth.npz"


def to_millimetres(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Metres to uint16 millimetres; what is not finite, not positive or beyond 65.535 m becomes 0, not measured."""
    good = np.isfinite(depth) & (depth > 0) & (depth < 65.5355)
    return np.where(good, np.rint(np.where(good, depth, 0) * 1000), 0).astype(np.uint16)


def write_truth(
    folder: Path,
    depth: NDArray[np.uint16],
    *,
    intrinsics: NDArray[np.float32],
    camera_to_world: NDArray[np.float32],
    placement: NDArray[np.int64],
) -> None:
    """Write the file; shapes as at the top of this module."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / FILE, depth=depth, intrinsics=intrinsics, camera_to_world=camera_to_world, placement=placement
    )


def load_truth(path: Path, size: int) -> NDArray[np.float32]:
    """Depth in metres of every frame, float32 ``[N, size, size]``, 0 = not measured, in the order of the demos.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and the field.
    """
    return np.stack([fit_depth(frame, size) for frame in read_truth(path)]) * np.float32(0.001)


def read_truth(path: Path) -> NDArray[np.uint16]:
    """As it is stored: millimetres ``[N, H, W]``.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and the field.
    """
    name = path / FILE
    if not name.is_file():
        raise broken(name, "no such file")
    try:
        with np.load(name) as file:
            depth = file.get("depth", None)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise broken(name, f"not an npz file that can be read ({error})") from error
    if depth is None or depth.ndim != 3 or depth.dtype != np.uint16:
        raise broken(name, "depth is missing, or not uint16 [N, H, W]")
    return np.asarray(depth, np.uint16)
