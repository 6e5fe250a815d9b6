"""Frames of scenes one after another: what is broken is skipped, counted and named, up to a share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData
from depthvla.data.episodes import LazyFrames
from depthvla.data.frames import RgbdFrame, SceneRef
from depthvla.runtime.failure import DATA_ERROR, WorkerError

NAMED = 20
"""Broken files that are named; all are counted."""
# Before so many frames, a share says nothing.
_ENOUGH = 100
# Rooms and tables: where the middle one of all depths lies outside, the unit is another than the format's.
_NEAREST, _FARTHEST = 0.03, 300.0


@dataclass(frozen=True)
class Tolerance:
    """What reading puts up with.

    Attributes:
        broken: share of the frames, and of the scenes, that may be broken.
        lost_poses: whether frames whose tracking was lost are left out; their depth is as good as any other's, so
            that what looks at single frames keeps them, without a pose.
        every: takes every so-manieth frame of a scene.
    """

    broken: float = 0.01
    lost_poses: Literal["skip", "keep"] = "skip"
    every: int = 1


@dataclass
class Tally:
    """What reading met. `faults` are the first few, as `path: what is wrong`."""

    frames: int = 0
    broken: int = 0
    broken_scenes: int = 0
    lost: int = 0
    faults: list[str] = field(default_factory=list)

    def note(self, fault: BrokenData) -> None:
        if len(self.faults) < NAMED:
            self.faults.append(fault.message)

    def summary(self) -> str:
        return (
            f"{self.frames:,} frames; {self.broken:,} broken frames and {self.broken_scenes:,} broken scenes left out; "
            f"tracking lost in {self.lost:,} frames"
        )


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


def read_frames(
    scenes: Sequence[SceneRef], tolerance: Tolerance | None = None, tally: Tally | None = None
) -> Iterator[RgbdFrame]:
    """Every usable frame of every scene, in order.

    Args:
        scenes: what to read.
        tolerance: how much may be broken.
        tally: counts what was met, as reading goes on.

    Raises:
        WorkerError: DATA_BROKEN as soon as more is broken than may be, naming the first.
    """
    tolerance, tally = tolerance or Tolerance(), tally or Tally()
    for scene in scenes:
        for met in look(scene, tolerance.every):
            if isinstance(met, Fault):
                tally.note(met.error)
                tally.broken += met.what == "frame"
                tally.broken_scenes += met.what == "scene"
                _bear(tally, tolerance, len(scenes), _ENOUGH)
            elif met.lost:
                tally.lost += 1
                if tolerance.lost_poses == "keep":
                    tally.frames += 1
                    yield replace(met, pose=None)
            else:
                tally.frames += 1
                yield met
    _bear(tally, tolerance, len(scenes), 1)


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
    if middle < _NEAREST:
        return f"half of all depths are below {middle:.3g} m: in metres, where millimetres are expected?"
    if middle > _FARTHEST:
        return f"half of all depths are above {middle:,.0f} m: in millimetres, where metres are expected?"
    return None


def _bear(tally: Tally, tolerance: Tolerance, scenes: int, enough: int) -> None:
    frames = tally.frames + tally.broken + (tally.lost if tolerance.lost_poses == "skip" else 0)
    for what, bad, of, least in (
        ("frames", tally.broken, frames, enough),
        ("scenes", tally.broken_scenes, scenes, 1),
    ):
        if bad > tolerance.broken * max(of, least):
            share = f"{bad:,} of {of:,} {what} are broken, more than {tolerance.broken:.3g} of them"
            hint = "`python -m depthvla.check` names every one"
            raise WorkerError("DATA_BROKEN", f"{share}: {tally.faults[0]}", hint=hint, exit_code=DATA_ERROR)
