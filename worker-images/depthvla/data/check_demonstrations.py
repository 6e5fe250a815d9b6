"""What is wrong with an episode of demonstrations, its pictures too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from depthvla.data.broken import BrokenData, broken
from depthvla.data.episodes import Episode, EpisodeSource, LazyFrames, P
from depthvla.data.reading import Fault


@dataclass
class Shapes:
    """What the first episode's were: states, actions and pictures of one dataset have one shape."""

    first: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def check(self, path: Path, where: str, name: str, shape: tuple[int, ...]) -> None:
        """Raises DATA_BROKEN for another shape than the first of that name."""
        if shape != (first := self.first.setdefault(name, shape)):
            raise broken(path, f"{where}: {name} is {list(shape)}, the first {list(first)}")


def look_at_episode(dataset: EpisodeSource, index: int, shapes: Shapes, every: int = 1) -> Iterator[Fault]:
    """Reads it, and every so-manieth picture of each camera; a scene's fault where it can't be used at all."""
    try:
        episode = dataset.read(index)
        where = f"episode {index}"
        for name, values in (("a state", episode.state), ("an action", episode.action)):
            shapes.check(episode.path, where, name, values.shape[1:])
    except BrokenData as error:
        yield Fault("scene", error)
        return
    for name, frames in episode.cameras.items():
        yield from _look_at_camera(episode, name, frames, shapes, every)
    for name, depth in episode.depth.items():
        yield from _look_at_camera(episode, name, depth, shapes, every)


def _look_at_camera(episode: Episode, name: str, frames: LazyFrames[P], shapes: Shapes, every: int) -> Iterator[Fault]:
    """Up to the first broken picture: of a video that is cut off, all that follow are."""
    for i in range(0, len(frames), every):
        try:
            shapes.check(episode.path, f"episode {episode.number}: picture {i}", name, frames[i].shape)
        except BrokenData as error:
            yield Fault("frame", error)
            return
