"""What is wrong with an episode of demonstrations, its pictures too."""

from __future__ import annotations

from collections.abc import Iterator

from depthvla.data.broken import BrokenData
from depthvla.data.episodes import Episode, EpisodeSource, LazyFrames, P
from depthvla.data.reading import Fault


def look_at_episode(dataset: EpisodeSource, index: int, every: int = 1) -> Iterator[Fault]:
    """Reads it, and every so-manieth picture of each camera; a scene's fault where it can't be read at all."""
    try:
        episode = dataset.read(index)
    except BrokenData as error:
        yield Fault("scene", error)
        return
    for frames in episode.cameras.values():
        yield from _look_at_camera(episode, frames, every)
    for depth in episode.depth.values():
        yield from _look_at_camera(episode, depth, every)


def _look_at_camera(episode: Episode, frames: LazyFrames[P], every: int) -> Iterator[Fault]:
    """Up to the first broken picture: of a video that is cut off, all that follow are."""
    shape = None
    for i in range(0, len(frames), every):
        try:
            picture = frames[i]
        except BrokenData as error:
            yield Fault("frame", error)
            return
        if picture.shape != (shape := shape or picture.shape):
            problem = f"episode {episode.number}: picture {i} is {list(picture.shape)}, the first {list(shape)}"
            yield Fault("frame", BrokenData(episode.path, problem))
            return
