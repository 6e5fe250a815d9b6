"""ScanNet as its own tools extract it (SensReader), read and written.

::

    <scene>/color/0.jpg  <scene>/depth/0.png  <scene>/pose/0.txt
    <scene>/intrinsic/intrinsic_color.txt  <scene>/intrinsic/intrinsic_depth.txt
    scannetv2_train.txt  scannetv2_val.txt      (scene names, one a line)

Depth is uint16 in millimetres, 0 = not measured, along the optical axis. Intrinsics are 4 x 4. A pose is 4 x 4
camera-to-world, all infinite where tracking was lost: the depth of such a frame is as good as any other's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import broken
from depthvla.data.frames import RgbdFrame, Split
from depthvla.data.truth import to_millimetres

LISTS: dict[Split, str] = {"train": "scannetv2_train.txt", "heldout": "scannetv2_val.txt"}


def read_scannet(root: Path) -> Iterator[RgbdFrame]:
    """Every frame of every listed scene, in the order of lists and frame numbers.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and what is wrong with it.
    """
    for split, name in LISTS.items():
        for scene in _read_list(root / name):
            yield from _read_scene(root / scene, split)


def read_pose(path: Path) -> NDArray[np.float32] | None:
    """Camera-to-world ``[4, 4]``, or None where tracking was lost."""
    pose = _read_matrix(path)
    return pose if np.isfinite(pose).all() else None


def write_scannet_lists(root: Path, scenes: dict[Split, list[str]]) -> None:
    """Write which scenes are for what."""
    root.mkdir(parents=True, exist_ok=True)
    for split, name in LISTS.items():
        (root / name).write_text("".join(f"{scene}\n" for scene in scenes[split]), encoding="utf-8")


def write_scannet_frame(
    scene: Path,
    number: int,
    image: NDArray[np.uint8],
    depth: NDArray[np.float32],
    intrinsics: NDArray[np.float32],
    camera_to_world: NDArray[np.float32],
) -> None:
    """Write one frame, and the scene's intrinsics with the first.

    Args:
        scene: the scene's folder.
        number: of the frame, from 0.
        image: uint8 ``[H, W, 3]``.
        depth: float32 ``[H, W]`` in metres, 0 = not measured.
        intrinsics: float32 ``[3, 3]``, of picture and depth alike.
        camera_to_world: float32 ``[4, 4]``.
    """
    if number == 0:
        for part in ("color", "depth", "pose", "intrinsic"):
            (scene / part).mkdir(parents=True, exist_ok=True)
        whole = np.eye(4)
        whole[:3, :3] = intrinsics
        for which in ("color", "depth"):
            np.savetxt(scene / f"intrinsic/intrinsic_{which}.txt", whole, fmt="%.6f")
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(scene / f"color/{number}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    cv2.imwrite(str(scene / f"depth/{number}.png"), to_millimetres(depth))
    np.savetxt(scene / f"pose/{number}.txt", camera_to_world, fmt="%.6f")


def _read_list(path: Path) -> list[str]:
    if not path.is_file():
        raise broken(path, "no such file", "ScanNet's own lists of scenes lie beside the scenes")
    return path.read_text(encoding="utf-8").split()


def _read_scene(scene: Path, split: Split) -> Iterator[RgbdFrame]:
    pictures = sorted((scene / "color").glob("*.jpg"), key=lambda p: int(p.stem))
    if not pictures:
        raise broken(scene / "color", "no *.jpg in it")
    intrinsics = _read_matrix(scene / "intrinsic/intrinsic_color.txt")[:3, :3]
    _read_matrix(scene / "intrinsic/intrinsic_depth.txt")
    for path in pictures:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise broken(path, "not a picture that can be read")
        depth_path = scene / f"depth/{path.stem}.png"
        raw = cv2.imread(str(depth_path), cv2.IMREAD_UNCHANGED) if depth_path.is_file() else None
        if raw is None or raw.dtype != np.uint16 or raw.ndim != 2:
            found = "no such picture" if raw is None else f"{raw.dtype} {list(raw.shape)}"
            raise broken(depth_path, f"{found}, expected uint16 [H, W] in millimetres")
        read_pose(scene / f"pose/{path.stem}.txt")
        rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
        yield RgbdFrame(rgb, np.asarray(raw, np.float32) / np.float32(1000), intrinsics, split, str(path))


def _read_matrix(path: Path) -> NDArray[np.float32]:
    try:
        matrix = np.loadtxt(path, dtype=np.float32)
    except (OSError, ValueError) as error:
        raise broken(path, f"{error}, expected 4 x 4 numbers") from error
    if matrix.shape != (4, 4):
        raise broken(path, f"{' x '.join(map(str, matrix.shape))} numbers, expected 4 x 4")
    return matrix
