"""What is wrong with a folder of demonstrations, file by file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from depthvla.data.broken import BrokenData
from depthvla.data.datasets import open_dataset
from depthvla.data.episodes import Episode, LazyFrames, P, Wanted


def check_demonstrations(folder: Path, wanted: Wanted | None = None, every: int = 1) -> Iterator[BrokenData]:
    """Reads every episode, and every so-manieth picture of each, whatever the format."""
    try:
        dataset = open_dataset(folder, wanted)
    except BrokenData as error:
        yield error
        return
    yield from dataset.faults
    for index in map(int, np.flatnonzero(dataset.lengths)):
        try:
            episode = dataset.read(index)
        except BrokenData as error:
            yield error
        else:
            yield from _check_pictures(episode, every)


def _check_pictures(episode: Episode, every: int) -> Iterator[BrokenData]:
    """The first broken picture of each camera: of a video that is cut off, all that follow are."""
    for frames in episode.cameras.values():
        yield from _check_camera(episode, frames, every)
    for depth in episode.depth.values():
        yield from _check_camera(episode, depth, every)


def _check_camera(episode: Episode, frames: LazyFrames[P], every: int) -> Iterator[BrokenData]:
    shape = None
    for i in range(0, len(frames), every):
        try:
            picture = frames[i]
        except BrokenData as error:
            yield error
            return
        if picture.shape != (shape := shape or picture.shape):
            problem = f"episode {episode.number}: picture {i} is {list(picture.shape)}, the first {list(shape)}"
            yield BrokenData(episode.path, problem)
            return
