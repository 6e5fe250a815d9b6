"""A dataset's part in a mixture: its share, and which of its cameras and dimensions is which of the mixture's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthvla.data.depth_of_camera import depth_of_cameras
from depthvla.data.episodes import EpisodeSource
from depthvla.runtime.failure import CONFIG, WorkerError


@dataclass(frozen=True)
class Part:
    """A dataset in a mixture.

    Attributes:
        weight: its share of the samples, relative to the others'.
        cameras: the mixture's name of a camera -> the dataset's; None where it has none such (its pictures are then
            black, and said not to be there). Without this, cameras keep the names that they have.
        state, action: for each dimension of the mixture the dataset's, -1 where it has none such (it is then 0, and
            said not to be there). Without this, dimensions are as they are.
        depth: the mixture's name of a camera -> the depth that the dataset measured there. Without this, names decide.
        labels: the folder with its pseudo depth.
    """

    source: EpisodeSource
    weight: float = 1.0
    cameras: Mapping[str, str | None] | None = None
    state: tuple[int, ...] | None = None
    action: tuple[int, ...] | None = None
    depth: Mapping[str, str] | None = None
    labels: Path | None = None

    def all_cameras(self) -> Mapping[str, str | None]:
        return {name: name for name in self.source.cameras} if self.cameras is None else self.cameras

    def all_depth(self) -> Mapping[str, str]:
        """By the mixture's cameras, what the dataset calls their depth."""
        if self.depth is not None:
            return self.depth
        found = depth_of_cameras(self.source.cameras, self.source.depths)
        return {ours: found[theirs] for ours, theirs in self.all_cameras().items() if theirs in found}


@dataclass(frozen=True)
class Shape:
    """Of an episode."""

    state: int
    action: int
    cameras: tuple[str, ...]
    depth: tuple[str, ...]


def compare_parts(parts: Sequence[Part], shapes: Sequence[Shape]) -> None:
    """Whether all datasets have the same cameras and dimensions, as far as can be known.

    Raises:
        WorkerError: MIXTURE_INVALID, naming the dataset and the field that doesn't go with the others'.
    """
    first = parts[0]
    widths: dict[str, int] = {}
    for part, shape in zip(parts, shapes, strict=True):
        for ours, theirs in part.all_cameras().items():
            if theirs is not None and theirs not in shape.cameras:
                raise _invalid(part, f"cameras: {ours} is {theirs!r}, but its cameras are {list(shape.cameras)}")
        if set(part.all_cameras()) != set(first.all_cameras()):
            raise _invalid(
                part, f"cameras are {sorted(part.all_cameras())}, those of {first.source.name} "
                f"{sorted(first.all_cameras())}"
            )  # fmt: skip
        for ours in part.depth or ():
            if part.all_cameras().get(ours) is None:
                raise _invalid(part, f"depth: {ours} is none of its cameras {sorted(part.all_cameras())}")
        for name, taken, width in (("state", part.state, shape.state), ("action", part.action, shape.action)):
            if taken is not None and any(not -1 <= i < width for i in taken):
                raise _invalid(part, f"{name} is {list(taken)}, but it has {width} dimensions, 0 to {width - 1}")
            here = width if taken is None else len(taken)
            if widths.setdefault(name, here) != here:
                raise _invalid(part, f"{name} has {here} dimensions, that of {first.source.name} {widths[name]}")
    for name in ("state", "action"):
        named = [(p, getattr(p.source, f"{name}_names")) for p in parts if getattr(p, name) is None]
        known = [(p, names) for p, names in named if names is not None]
        for part, names in known[1:]:
            if names != known[0][1]:
                raise _invalid(
                    part, f"{name} is {', '.join(names)}; that of {known[0][0].source.name} {', '.join(known[0][1])}"
                )  # fmt: skip


def take(values: NDArray[np.float32], taken: tuple[int, ...] | None) -> NDArray[np.float32]:
    """Dimensions of ``[T, D]`` in the mixture's order, 0 where there is none."""
    if taken is None:
        return values
    index = np.array(taken)
    return np.where(index >= 0, values[:, index], np.float32(0))


def has(taken: tuple[int, ...] | None, width: int) -> NDArray[np.bool_]:
    """Which of the mixture's dimensions a dataset has."""
    return np.ones(width, np.bool_) if taken is None else np.array(taken) >= 0


def _invalid(part: Part, problem: str) -> WorkerError:
    hint = "say which of its dimensions or cameras is which, with `state`, `action` or `cameras` of the dataset"
    return WorkerError("MIXTURE_INVALID", f"{part.source.name}: {problem}", hint=hint, exit_code=CONFIG)
