"""WildRGB-D as it is published, read and written.

::

    <category>/nvs_list.json                       {"train": ["scenes/scene_000", ...], "val": [...]}
    <category>/scenes/<scene>/rgb/00000.png
    <category>/scenes/<scene>/depth/00000.png      uint16 millimetres, 0 = not measured
    <category>/scenes/<scene>/masks/00000.png      not 0 on the object
    <category>/scenes/<scene>/metadata             JSON: "w", "h", "K" (nine numbers, column by column)
    <category>/scenes/<scene>/cam_poses.txt        a line a frame: number, 4 x 4 camera-to-world row by row, OpenCV axes
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData, broken
from depthvla.data.files import read_json, read_mask, read_millimetres, read_picture, read_text
from depthvla.data.frames import RgbdFrame, SceneRef, Split
from depthvla.data.truth import to_millimetres

LISTS: dict[Split, str] = {"train": "train", "heldout": "val"}
_LIST = "nvs_list.json"
_FOLDERS = ("rgb", "depth", "masks")


def list_wildrgbd(root: Path) -> list[SceneRef]:
    """Every listed scene of every category, by category's name and then in the order of its list.

    Raises:
        BrokenData: where no category is, or one has no list.
    """
    categories = sorted(path for path in root.glob("*") if (path / "scenes").is_dir())
    if not categories:
        raise broken(root, "no <category>/scenes in it")
    out = []
    for category in categories:
        lists = read_json(category / _LIST)
        for split, name in LISTS.items():
            scenes = lists.get(name) if isinstance(lists, dict) else None
            if not isinstance(scenes, list):
                raise broken(category / _LIST, f"has no list {name!r}")
            out += [SceneRef(category / str(scene), split, ObjectScene) for scene in scenes]
    return out


class ObjectScene:
    """A walk around an object; frames are those of cam_poses.txt."""

    def __init__(self, path: Path, split: Split) -> None:
        self.path, self.split = path, split
        self.size, self.intrinsics = _read_metadata(path / "metadata")
        self.poses = _read_poses(path / "cam_poses.txt")

    def __len__(self) -> int:
        return len(self.poses)

    def load(self, index: int) -> RgbdFrame:
        number, pose = self.poses[index]
        paths = {folder: self.path / folder / f"{number:05d}.png" for folder in _FOLDERS}
        image, depth, mask = read_picture(paths["rgb"]), read_millimetres(paths["depth"]), read_mask(paths["masks"])
        for part, (h, w) in (("rgb", image.shape[:2]), ("depth", depth.shape), ("masks", mask.shape)):
            if (h, w) != self.size:
                raise broken(paths[part], f"{w} x {h} pixels, metadata says {self.size[1]} x {self.size[0]}")
        source, depth_source = str(paths["rgb"]), str(paths["depth"])
        return RgbdFrame(image, depth, self.intrinsics, self.split, source, depth_source, pose, mask)

    def leftovers(self) -> Iterator[BrokenData]:
        known = {f"{number:05d}.png" for number, _ in self.poses}
        for folder in _FOLDERS:
            for path in sorted((self.path / folder).glob("*.png")):
                if path.name not in known:
                    yield broken(path, "cam_poses.txt has no line for it")


def write_wildrgbd(
    root: Path,
    scene: str,
    frames: Sequence[tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]],
    intrinsics: NDArray[np.float32],
) -> None:
    """Write a scene.

    Args:
        root: the data set's folder.
        scene: `<category>/scenes/<name>`.
        frames: picture uint8 ``[H, W, 3]``, depth float32 ``[H, W]`` in metres with 0 = not measured, mask bool
            ``[H, W]`` and camera-to-world float32 ``[4, 4]`` of each.
        intrinsics: float32 ``[3, 3]``.
    """
    folder = root / scene
    for part in _FOLDERS:
        (folder / part).mkdir(parents=True, exist_ok=True)
    height, width = frames[0][0].shape[:2]
    metadata = {"w": width, "h": height, "K": intrinsics.T.ravel().tolist()}
    (folder / "metadata").write_text(json.dumps(metadata), encoding="utf-8")
    lines = []
    for number, (image, depth, mask, pose) in enumerate(frames):
        name = f"{number:05d}.png"
        cv2.imwrite(str(folder / "rgb" / name), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        cv2.imwrite(str(folder / "depth" / name), to_millimetres(depth))
        cv2.imwrite(str(folder / "masks" / name), mask.astype(np.uint8) * 255)
        lines.append(" ".join(map(str, (number, *pose.ravel().tolist()))))
    (folder / "cam_poses.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_wildrgbd_list(category: Path, scenes: dict[Split, list[str]]) -> None:
    """Write which scenes (`scenes/<name>`) of a category are for what."""
    category.mkdir(parents=True, exist_ok=True)
    lists = {name: scenes[split] for split, name in LISTS.items()}
    (category / _LIST).write_text(json.dumps(lists), encoding="utf-8")


def _read_metadata(path: Path) -> tuple[tuple[int, int], NDArray[np.float32]]:
    """(height, width) and intrinsics ``[3, 3]``."""
    metadata = read_json(path)
    missing = [name for name in ("w", "h", "K") if not isinstance(metadata, dict) or name not in metadata]
    if missing:
        raise broken(path, f"has no {missing[0]!r}")
    try:
        # Column by column: that is how Record3D, which recorded it, writes matrices.
        intrinsics = np.array(metadata["K"], np.float32).reshape(3, 3).T
        size = (int(metadata["h"]), int(metadata["w"]))
    except (ValueError, TypeError) as error:
        raise broken(path, f"w, h or K: {error}") from error
    if intrinsics[2, 2] != 1 or intrinsics[2, :2].any():
        raise broken(path, "K is not the nine numbers of an intrinsic matrix, column by column")
    return size, intrinsics


def _read_poses(path: Path) -> list[tuple[int, NDArray[np.float32]]]:
    poses = []
    for at, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            number, *values = line.split()
            poses.append((round(float(number)), np.array(values, np.float32).reshape(4, 4)))
        except (ValueError, OverflowError) as error:
            raise broken(path, f"line {at}: expected a number and 4 x 4 numbers ({error})") from error
    if not poses:
        raise broken(path, "has no frames")
    return poses
