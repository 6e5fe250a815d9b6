"""ScanNet, as recorded (`.sens`) or as its own Python tool extracts it (SensReader), read and written.

::

    <scene>/<scene>.sens                                        (sens.py), or
    <scene>/color/0.jpg  <scene>/depth/0.png  <scene>/pose/0.txt
    <scene>/intrinsic/intrinsic_color.txt  <scene>/intrinsic/intrinsic_depth.txt
    scannetv2_train.txt  scannetv2_val.txt                      (scene names, one a line)

Scenes may lie in `scans/`, as they are downloaded. Depth is uint16 in millimetres, 0 = not measured, along the optical
axis. Intrinsics are 4 x 4. A pose is 4 x 4 camera-to-world, all infinite where tracking was lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData, broken
from depthvla.data.files import read_matrix, read_millimetres, read_names, read_picture
from depthvla.data.frames import RgbdFrame, Scene, SceneRef, Split
from depthvla.data.sens import SensScene
from depthvla.data.truth import to_millimetres

LISTS: dict[Split, str] = {"train": "scannetv2_train.txt", "heldout": "scannetv2_val.txt"}


def list_scannet(root: Path) -> list[SceneRef]:
    """Every listed scene, in the order of lists.

    Raises:
        BrokenData: where a list is missing.
    """
    scans = root / "scans" if (root / "scans").is_dir() else root
    hint = "ScanNet's own lists of scenes lie beside the scenes"
    names = {split: read_names(root / name, hint) for split, name in LISTS.items()}
    return [SceneRef(scans / scene, split, _open) for split in LISTS for scene in names[split]]


class ExtractedScene:
    """A scene of files; frames in the order of their numbers."""

    def __init__(self, path: Path, split: Split) -> None:
        self.path, self.split = path, split
        self.numbers = sorted(_numbers(path / "color", "jpg"))
        if not self.numbers:
            raise broken(path / "color", "no *.jpg in it")
        self.intrinsics = read_matrix(path / "intrinsic/intrinsic_color.txt")[:3, :3]
        read_matrix(path / "intrinsic/intrinsic_depth.txt")

    def __len__(self) -> int:
        return len(self.numbers)

    def load(self, index: int) -> RgbdFrame:
        number = self.numbers[index]
        picture = self.path / f"color/{number}.jpg"
        image = read_picture(picture)
        measured = self.path / f"depth/{number}.png"
        depth = read_millimetres(measured)
        pose = read_matrix(self.path / f"pose/{number}.txt")
        return RgbdFrame(image, depth, self.intrinsics, self.split, str(picture), str(measured), pose)

    def leftovers(self) -> Iterator[BrokenData]:
        for folder, ending in (("depth", "png"), ("pose", "txt")):
            for number in sorted(_numbers(self.path / folder, ending) - set(self.numbers)):
                yield broken(self.path / f"{folder}/{number}.{ending}", f"no picture color/{number}.jpg goes with it")


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


def _open(path: Path, split: Split) -> Scene:
    recording = path / f"{path.name}.sens"
    if (path / "color").is_dir():
        return ExtractedScene(path, split)
    if recording.is_file():
        return SensScene(recording, split)
    raise broken(path, f"neither color/ nor {recording.name} in it" if path.is_dir() else "no such folder")


def _numbers(folder: Path, ending: str) -> set[int]:
    """Numbers of the frames in a folder; what has another name is nobody's."""
    return {int(path.stem) for path in folder.glob(f"*.{ending}") if path.stem.isdecimal()}
