"""Pseudo depth beside a dataset: one file a clip (an episode of a camera), so that shards write disjoint files into one
folder.

``<camera>/episode-000012.zip``: ``about.json`` (labeller, models, quality) and for each frame ``depth/000000.png``,
uint16 ``[h, w]`` in millimetres, 0 = none. Where the labeller says how sure it is, also ``confidence/000000.png``,
uint8 ``[h, w]``, 255 = sure. A frame is read without the others. It covers the whole picture, perhaps coarser.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import quote, unquote

import cv2
import numpy as np
from numpy.typing import NDArray

from depthvla.data.episodes import LazyFrames
from depthvla.runtime.config import Json
from depthvla.runtime.failure import WorkerError
from depthvla.streams.path import for_library

FARTHEST = np.iinfo(np.uint16).max / 1000
"""Metres; what is farther is written as that."""
ABOUT = "about.json"
P = TypeVar("P", np.uint8, np.uint16)


@dataclass(frozen=True)
class About:
    """
    Attributes:
        labeller: SHA-256 of all that decides what it says.
        models: SHA-256 of each file of weights that it looks with.
        quality: what the gates measured, and `flags`: what they found wrong.
    """

    labeller: str
    models: tuple[str, ...] = ()
    quality: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Clip:
    """Labels of an episode of a camera, frame by frame: uint16 millimetres, and confidence uint8 or None."""

    about: About
    depth: LazyFrames[np.uint16]
    confidence: LazyFrames[np.uint8] | None


def name_of(episode: int, camera: str) -> str:
    """Path below the folder. Names of cameras may have anything in them."""
    return f"{quote(camera, safe='')}/episode-{episode:06d}.zip"


def cameras_of(folder: Path) -> list[str]:
    """Cameras that have labels."""
    return sorted(unquote(path.name) for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def to_millimetres(metres: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Depth to store: what is no depth becomes 0, none; what is beyond `FARTHEST` becomes that."""
    good = np.isfinite(metres) & (metres > 0)
    rounded = np.rint(np.clip(np.where(good, metres, 0.001), 0.001, FARTHEST) * 1000)
    return np.where(good, rounded, 0).astype(np.uint16)


def to_metres(millimetres: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Depth as it was stored; 0 = none."""
    return millimetres.astype(np.float32) * np.float32(0.001)


def write_clip(
    folder: Path,
    episode: int,
    camera: str,
    depth: NDArray[np.uint16],
    about: About,
    confidence: NDArray[np.uint8] | None = None,
) -> Path:
    """Writes the labels of one clip: millimetres and confidence ``[T, h, w]``. The same labels give the same bytes."""
    path = folder / name_of(episode, camera)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".part")
    body = {"labeller": about.labeller, "models": list(about.models), "quality": about.quality, "frames": len(depth)}
    with zipfile.ZipFile(whole, "w") as file:
        # A ZipInfo has a fixed date; the pictures are compressed already.
        file.writestr(zipfile.ZipInfo(ABOUT), json.dumps(body, sort_keys=True))
        parts: dict[str, Iterable[NDArray[np.uint16] | NDArray[np.uint8]]] = {"depth": depth}
        if confidence is not None:
            parts["confidence"] = confidence
        for name, frames in parts.items():
            for number, frame in enumerate(frames):
                file.writestr(zipfile.ZipInfo(_frame(name, number)), _encode(frame))
    whole.replace(path)
    return path


def open_clip(folder: Path, episode: int, camera: str | None = None) -> Clip:
    """The labels of one clip; without a camera, of the only one that has any. Threads may share it.

    Raises:
        WorkerError: LABELS_INVALID. (Reading a frame raises it too.)
    """
    path = folder / name_of(episode, _only(folder) if camera is None else camera)
    try:
        file = zipfile.ZipFile(for_library(path))
        body = json.loads(file.read(ABOUT))
        about = About(body["labeller"], tuple(body["models"]), body["quality"])
        there, frames = set(file.namelist()), int(body["frames"])
        has = {name for name in ("depth", "confidence") if _frame(name, 0) in there}
        lacking = [_frame(name, i) for name in has | {"depth"} for i in range(frames) if _frame(name, i) not in there]
    except FileNotFoundError as error:
        raise _invalid(f"episode {episode} has no labels: {path} does not exist") from error
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise _invalid(f"{path} can't be read: {error}") from error
    if lacking:
        raise _invalid(f"{path}: {lacking[0]} is missing")

    def load(name: str, dtype: type[P]) -> LazyFrames[P]:
        return LazyFrames(frames, lambda i: _decode(path, file, _frame(name, i), dtype))

    return Clip(about, load("depth", np.uint16), load("confidence", np.uint8) if "confidence" in has else None)


def _only(folder: Path) -> str:
    cameras = cameras_of(folder)
    if len(cameras) != 1:
        raise _invalid(f"{folder} has labels of the cameras {cameras}, expected exactly one, or to be told which")
    return cameras[0]


def _frame(name: str, number: int) -> str:
    return f"{name}/{number:06d}.png"


def _encode(frame: NDArray[np.uint16] | NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".png", frame, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    assert done
    return data.tobytes()


def _decode(path: Path, file: zipfile.ZipFile, name: str, dtype: type[P]) -> NDArray[P]:
    try:
        data = np.frombuffer(file.read(name), np.uint8)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise _invalid(f"{path}: {name}: {error}") from error
    frame = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if frame is None or frame.ndim != 2 or frame.dtype != dtype:
        raise _invalid(f"{path}: {name} is no picture of {np.dtype(dtype).name}")
    return cast("NDArray[P]", frame)


def _invalid(message: str) -> WorkerError:
    return WorkerError("LABELS_INVALID", message)
