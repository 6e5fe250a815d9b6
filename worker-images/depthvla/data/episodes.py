"""One demonstration, whatever dataset it came from, and what a dataset of them can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData, broken

P = TypeVar("P", np.uint8, np.uint16)


@dataclass(frozen=True)
class LazyFrames(Generic[P]):
    """Pictures of a camera that are read when they are asked for, and not kept."""

    length: int
    load: Callable[[int], NDArray[P]]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> NDArray[P]:
        if not 0 <= index < self.length:
            raise IndexError(index)
        return self.load(index)

    def all(self) -> NDArray[P]:
        """``[T, H, W, …]``"""
        return np.stack([self.load(i) for i in range(self.length)])


@dataclass(frozen=True)
class Episode:
    """One demonstration of T frames.

    Attributes:
        path: the file that it is in, for messages.
        number: its number in its dataset, for messages.
        instructions, task: sentences, and int32 ``[T]``: which of them holds at each frame.
        state: float32 ``[T, S]``.
        action: float32 ``[T, A]``.
        cameras: by the dataset's name of it, uint8 ``[H, W, 3]`` for each frame.
        depth: likewise uint16 ``[H, W]`` in millimetres, 0 = not measured; most datasets have none.
        first, recorded: which frame of the recording its first one is, and how many the recording has.
    """

    path: Path
    number: int
    instructions: Sequence[str]
    task: NDArray[np.int32]
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    cameras: Mapping[str, LazyFrames[np.uint8]]
    depth: Mapping[str, LazyFrames[np.uint16]] = field(default_factory=dict)
    first: int = 0
    recorded: int = 0

    def __len__(self) -> int:
        return len(self.action)

    def instruction(self, frame: int) -> str:
        return self.instructions[int(self.task[frame])]


@dataclass(frozen=True)
class Wanted:
    """What to read of a dataset, by its own names; None is what its format usually calls it.

    Attributes:
        cameras: which; None is every colour camera.
        state, action: features that are put one after the other.
        depth: depth cameras; None is those that go with the colour cameras by their names.
        instruction_part: of an instruction of several parts with ``@`` between them (Galaxea: the whole task, the step
            in Chinese, the step in English) the one to take, counted from 0.
        skip_first: frames to leave out at the start of each episode.
        transforms: what is then made of it, one after the other: names of `transforms.TRANSFORMS`.
    """

    cameras: tuple[str, ...] | None = None
    state: tuple[str, ...] | None = None
    action: tuple[str, ...] | None = None
    depth: tuple[str, ...] | None = ()
    instruction_part: int | None = None
    skip_first: int = 0
    transforms: tuple[str, ...] = ()


class EpisodeSource(Protocol):
    """A dataset of demonstrations. What it holds in memory is its index, never pictures."""

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """``[E]``, the frames of each episode; 0 where it is left out."""

    @property
    def left_out(self) -> Mapping[str, int]:
        """Episodes that are as they should be, but can't be used, by the reason."""

    @property
    def faults(self) -> Sequence[BrokenData]:
        """What is known to be broken already without reading an episode."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """Those that are read, by the dataset's names."""

    @property
    def depths(self) -> tuple[str, ...]:
        """The depth that it has, read or not, by the dataset's names."""

    @property
    def state_names(self) -> tuple[str, ...] | None:
        """What each dimension of the state is, where the dataset says it."""

    @property
    def action_names(self) -> tuple[str, ...] | None:
        """What each dimension of an action is, where the dataset says it."""

    def announce(self, index: int) -> None:
        """Says that an episode will be read soon: what is streamed can be fetched meanwhile."""

    def read(self, index: int) -> Episode:
        """One episode.

        Raises:
            WorkerError: DATA_BROKEN, naming the file and the field.
        """


def aligned(episode: Episode) -> Episode:
    """The episode, if all its fields have as many frames.

    Raises:
        WorkerError: DATA_BROKEN, naming the file, the episode and the field.
    """
    frames = len(episode)
    if frames == 0:
        raise _fault(episode, "no frames in it")
    for name, values in (("state", episode.state), ("instructions", episode.task)):
        if len(values) != frames:
            raise _fault(episode, f"{name} has {len(values)} rows, but action has {frames}")
    counts = {name: len(pictures) for name, pictures in episode.cameras.items()}
    counts |= {name: len(pictures) for name, pictures in episode.depth.items()}
    for name, count in counts.items():
        if count != frames:
            raise _fault(episode, f"{name} has {count} pictures, but action has {frames} rows")
    return episode


def checked(episode: Episode) -> Episode:
    """The episode, if it can be learnt from.

    Raises:
        WorkerError: DATA_BROKEN, naming the file, the episode and the field: nothing in it, fields of different
            lengths, values that are not finite, no instruction.
    """
    aligned(episode)
    for name, values in (("state", episode.state), ("action", episode.action)):
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column = bad[0]
            problem = f"{name} is {values[row, column]} at frame {episode.first + row}, dimension {column}"
            raise _fault(episode, problem)
    for number in np.unique(episode.task):
        if not 0 <= number < len(episode.instructions):
            raise _fault(episode, f"task_index {number} is none of the {len(episode.instructions)} tasks")
        if not episode.instructions[number].strip():
            raise _fault(episode, "the instruction is empty")
    return episode


def _fault(episode: Episode, problem: str) -> BrokenData:
    return broken(episode.path, f"episode {episode.number}: {problem}")


def part_of(instruction: str, part: int | None) -> str:
    """One of the parts between ``@``, or the whole; nothing where that part is missing."""
    if part is None:
        return instruction
    parts = instruction.split("@")
    return parts[part].strip() if part < len(parts) else ""


def cut(episode: Episode, first: int, end: int) -> Episode:
    """Its frames from `first` on, and before `end`."""

    def part(frames: LazyFrames[P]) -> LazyFrames[P]:
        return LazyFrames(max(0, end - first), lambda i: frames[i + first])

    return replace(
        episode,
        task=episode.task[first:end],
        state=episode.state[first:end],
        action=episode.action[first:end],
        cameras={name: part(frames) for name, frames in episode.cameras.items()},
        depth={name: part(frames) for name, frames in episode.depth.items()},
        first=episode.first + first,
        recorded=episode.recorded or len(episode),
    )
