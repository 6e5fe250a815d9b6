"""Frames of scenes one after another, and what is wrong with those that can't be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData
from depthvla.data.episodes import LazyFrames
from depthvla.data.frames import RgbdFrame, SceneRef

# Rooms and tables: where the middle one of all depths lies outside, the unit is another than the format's.
NEAREST, FARTHEST = 0.03, 300.0


@dataclass(frozen=True)
class Fault:
    """A scene or a frame that can't be used."""

    what: Literal["scene", "frame"]
    error: BrokenData


def look(scene: SceneRef, every: int = 1) -> Iterator[RgbdFrame | Fault]:
    """Each frame of a scene, or what is wrong with it; one fault for a scene that can't be opened."""
    try:
        opened = scene.open()
    except BrokenData as error:
        yield Fault("scene", error)
        return
    size: tuple[int, ...] | None = None
    for index in range(0, len(opened), every):
        try:
            frame = opened.load(index)
            size = size or frame.image.shape
            check_frame(frame, size)
        except BrokenData as error:
            yield Fault("frame", error)
        else:
            yield frame


def check_frame(frame: RgbdFrame, size: tuple[int, ...]) -> None:
    """Raises where the parts of a frame don't go together, or can't be what their format says.

    Args:
        frame: to look at.
        size: shape of the scene's first picture.
    """
    _refuse(frame.source, _picture_problem(frame, size))
    _refuse(frame.depth_source, _depth_problem(frame))


def _refuse(source: str, problem: str | None) -> None:
    if problem:
        path, _, within = source.partition(": ")
        raise BrokenData(Path(path), f"{within}: {problem}" if within else problem)


def _picture_problem(frame: RgbdFrame, size: tuple[int, ...]) -> str | None:
    height, width = frame.image.shape[:2]
    if frame.image.shape != size:
        return f"the picture has {width} x {height} pixels, the scene's first has {size[1]} x {size[0]}"
    (fx, _, cx), (_, fy, cy) = frame.intrinsics[:2].tolist()
    if not (np.isfinite(frame.intrinsics).all() and fx > 0 and fy > 0):
        return f"focal length ({fx:g}, {fy:g}) in the intrinsics, expected pixels"
    if not (0.2 < cx / width < 0.8 and 0.2 < cy / height < 0.8):
        return f"principal point ({cx:g}, {cy:g}) of a picture of {width} x {height}: intrinsics of another size?"
    return None


def _depth_problem(frame: RgbdFrame) -> str | None:
    height, width = frame.image.shape[:2]
    if problem := view_problem(frame.depth.shape, (height, width)):
        return problem
    measured = frame.depth[np.isfinite(frame.depth) & (frame.depth > 0)]
    return unit_problem(measured) if measured.size else "no pixel has a measured depth"


def plausible(frames: LazyFrames[np.uint16], path: Path, where: str = "") -> LazyFrames[np.uint16]:
    """Depth in millimetres that is looked at when it is read, as that of scenes is; all of it may be not measured.

    Args:
        path: the file that it is in; ``where`` in it, for messages.
    """

    def load(i: int) -> NDArray[np.uint16]:
        depth = frames[i]
        measured = depth[::4, ::4].ravel()
        measured = measured[measured > 0]
        if measured.size and (problem := unit_problem(measured * np.float32(0.001))):
            raise BrokenData(path, f"{where}frame {i}: {problem}")
        return depth

    return LazyFrames(len(frames), load)


def view_problem(depth: tuple[int, ...], picture: tuple[int, int]) -> str | None:
    """Whether depth ``[h, w]`` can be of the same view as a picture of that (height, width)."""
    (rows, columns), (height, width) = depth, picture
    if abs(columns / rows / (width / height) - 1) > 0.03:
        return f"{columns} x {rows} pixels of depth, the picture has {width} x {height}: not the same view"
    return None


def unit_problem(measured: NDArray[np.float32]) -> str | None:
    """Whether these depths, all measured, can be metres of rooms and tables."""
    middle = float(np.median(measured))
    if middle < NEAREST:
        return f"half of all depths are below {middle:.3g} m: in metres, where millimetres are expected?"
    if middle > FARTHEST:
        return f"half of all depths are above {middle:,.0f} m: in millimetres, where metres are expected?"
    return None
