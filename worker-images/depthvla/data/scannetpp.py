"""ScanNet++'s iPhone recordings, read and written.

::

    data/<scene>/iphone/rgb.mkv                   1920 x 1440 (older downloads: rgb.mp4)
    data/<scene>/iphone/rgb_mask.mkv              0 where the picture was made anonymous, else 255; may be absent
    data/<scene>/iphone/depth.bin                 192 x 256 (depth_stream.py)
    data/<scene>/iphone/pose_intrinsic_imu.json   frame_000000: {"intrinsic": 3 x 3, "aligned_pose": 4 x 4, …}
    splits/nvs_sem_train.txt  splits/nvs_sem_val.txt      (scene names, one a line)

A frame's number is its place in the videos and in depth.bin. `intrinsic` is the picture's; depth is of the same camera,
coarser. `aligned_pose` is camera-to-world in the frame of the scene's mesh, OpenCV axes; `pose` is ARKit's own, and is
not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData, broken, unreadable
from depthvla.data.depth_stream import DepthStream, Layout, write_depth_stream
from depthvla.data.files import read_json, read_names
from depthvla.data.frames import RgbdFrame, SceneRef, Split
from depthvla.data.pictures import pick
from depthvla.data.video import VideoWriter
from depthvla.streams.path import for_library

LISTS: dict[Split, str] = {"train": "splits/nvs_sem_train.txt", "heldout": "splits/nvs_sem_val.txt"}
_POSES = "pose_intrinsic_imu.json"


def list_scannetpp(root: Path) -> list[SceneRef]:
    """Every listed scene, in the order of lists.

    Raises:
        BrokenData: where a list is missing.
    """
    names = {split: read_names(root / name) for split, name in LISTS.items()}
    return [SceneRef(root / "data" / scene / "iphone", split, IphoneScene) for split in LISTS for scene in names[split]]


class IphoneScene:
    """A recording; frames are those of its JSON file, by number."""

    def __init__(self, path: Path, split: Split) -> None:
        self.path, self.split = path, split
        self._cameras = _read_cameras(path / _POSES)
        self._numbers = sorted(self._cameras)
        old = path / "rgb.mp4"
        self._pictures = VideoCursor(old if old.is_file() else path / "rgb.mkv", "rgb24")
        mask = path / "rgb_mask.mkv"
        self._masks = VideoCursor(mask, "gray") if mask.is_file() else None
        self._depth = DepthStream(path / "depth.bin")

    def __len__(self) -> int:
        return len(self._numbers)

    def load(self, index: int) -> RgbdFrame:
        number = self._numbers[index]
        intrinsics, pose = _camera(self.path / _POSES, number, self._cameras[number])
        image = self._pictures.load(number)
        depth = self._depth.load(number)
        if self._masks is not None:
            shown = self._masks.load(number) >= 128
            rows, columns = (pick(0, of, size) for of, size in zip(shown.shape, depth.shape, strict=True))
            depth = np.where(shown[rows[:, None], columns], depth, np.float32(0))
        files = (self._pictures.path, self._depth.path)
        source, depth_source = (f"{path}: frame {number}" for path in files)
        return RgbdFrame(image, depth, intrinsics, self.split, source, depth_source, pose)

    def leftovers(self) -> Iterator[BrokenData]:
        return iter(())


class VideoCursor:
    """A video's frames by their place, decoded in rising order: a frame's number is its place, not its time."""

    def __init__(self, path: Path, pixels: str) -> None:
        self.path, self.pixels = path, pixels
        if not path.is_file():
            raise broken(path, "no such file")
        self._end: tuple[int, str] | None = None
        self._start()

    def load(self, index: int) -> NDArray[np.uint8]:
        """uint8 ``[H, W, 3]`` (`rgb24`) or ``[H, W]`` (`gray`)."""
        if self._end is None or index < self._end[0]:
            if index < self._next:
                self._start()
            try:
                for frame in self._frames:
                    self._next += 1
                    if self._next > index:
                        return np.asarray(frame.to_ndarray(format=self.pixels), np.uint8)
                self._end = (self._next, f"ends after {self._next} frames")
            except (av.FFmpegError, IndexError) as error:
                self._end = (self._next, f"can't be decoded after {self._next} frames ({error})")
        raise broken(self.path, self._end[1])

    def _start(self) -> None:
        try:
            self._frames = av.open(for_library(self.path), "r").decode(video=0)
        except av.FFmpegError as error:
            raise broken(self.path, f"not a video that can be read ({error.strerror})") from error
        except OSError as error:
            raise unreadable(self.path, error) from error
        except IndexError as error:
            raise broken(self.path, "has no video in it") from error
        self._next = 0


def write_scannetpp(
    root: Path,
    scene: str,
    pictures: Sequence[NDArray[np.uint8]],
    depth: Sequence[NDArray[np.float32]],
    intrinsics: NDArray[np.float32],
    poses: Sequence[NDArray[np.float32]],
    layout: Layout,
    masks: Sequence[NDArray[np.bool_]] = (),
) -> None:
    """Write a recording.

    Args:
        root: the data set's folder.
        scene: the recording's name.
        pictures: uint8 ``[H, W, 3]`` each, H and W even.
        depth: float32 ``[192, 256]`` each, metres, 0 = not measured.
        intrinsics: float32 ``[3, 3]`` of the pictures.
        poses: camera-to-world, float32 ``[4, 4]`` each.
        layout: of depth.bin.
        masks: bool ``[H, W]`` each, False where the picture was made anonymous; none: no such file.
    """
    folder = root / "data" / scene / "iphone"
    folder.mkdir(parents=True, exist_ok=True)
    _write_video(folder / "rgb.mkv", pictures)
    if masks:
        _write_video(folder / "rgb_mask.mkv", [np.repeat(m[..., None] * np.uint8(255), 3, axis=2) for m in masks])
    write_depth_stream(folder / "depth.bin", depth, layout)
    cameras = {
        f"frame_{number:06d}": {
            "timestamp": number / 60,
            "pose": pose.tolist(),
            "intrinsic": intrinsics.tolist(),
            "imu": {},
            "aligned_pose": pose.tolist(),
        }
        for number, pose in enumerate(poses)
    }
    (folder / _POSES).write_text(json.dumps(cameras), encoding="utf-8")


def write_scannetpp_lists(root: Path, scenes: dict[Split, list[str]]) -> None:
    """Write which scenes are for what."""
    (root / "splits").mkdir(parents=True, exist_ok=True)
    for split, name in LISTS.items():
        (root / name).write_text("".join(f"{scene}\n" for scene in scenes[split]), encoding="utf-8")


def _write_video(path: Path, pictures: Sequence[NDArray[np.uint8]]) -> None:
    height, width = pictures[0].shape[:2]
    video = VideoWriter(path, height, width, fps=60)
    video.write(pictures)
    video.close()


def _read_cameras(path: Path) -> dict[int, Any]:
    entries = read_json(path)
    if not isinstance(entries, dict):
        raise broken(path, "not an object of frames")
    numbered = {re.fullmatch(r"frame_(\d+)", key): value for key, value in entries.items()}
    cameras = {int(key[1]): value for key, value in numbered.items() if key is not None}
    if not cameras:
        raise broken(path, "has no frame_000000 and so on")
    return cameras


def _camera(path: Path, number: int, entry: Any) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Intrinsics and pose of a frame."""
    where = f"frame_{number:06d}"
    if not isinstance(entry, dict):
        raise broken(path, f"{where} is not an object")
    intrinsics = _matrix(path, where, entry, "intrinsic", 3)
    if intrinsics is None:
        raise broken(path, f"{where} has no intrinsic")
    return intrinsics, _matrix(path, where, entry, "aligned_pose", 4)


def _matrix(path: Path, where: str, entry: dict[str, Any], name: str, side: int) -> NDArray[np.float32] | None:
    if entry.get(name) is None:
        return None
    try:
        return np.array(entry[name], np.float32).reshape(side, side)
    except (ValueError, TypeError) as error:
        raise broken(path, f"{where}.{name} is not {side} x {side} numbers") from error
