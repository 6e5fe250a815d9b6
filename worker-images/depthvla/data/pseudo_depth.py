"""A dataset's pseudo depth, frame by frame. Labels that are missing or don't fit are left out, counted and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import broken
from depthvla.data.episodes import Episode, EpisodeSource
from depthvla.data.kept import Pictures, Recent
from depthvla.data.reading import plausible, view_problem
from depthvla.data.skips import Skips
from depthvla.labels.sidecar import Clip, cameras_of, name_of, open_clip
from depthvla.runtime.failure import DATA_ERROR, TRY_AGAIN, WorkerError


class PseudoDepth:
    """The labels of a dataset's episodes. May be shared by threads.

    Args:
        folder: see `labels.sidecar`.
        source: what was labelled.
        share: of the episodes whose labels may be broken.
        window: clips that stay open.
        say: is told of what is left out.

    Attributes:
        cameras: of the dataset, that have labels.
        labeller, models: SHA-256 of what made them.

    Raises:
        WorkerError: LABELS_INVALID when there are none.
    """

    def __init__(
        self, folder: Path, source: EpisodeSource, share: float, window: int, say: Callable[[str], None]
    ) -> None:
        self.folder, self.source = folder, source
        # A dataset's only camera needs no name.
        labelled = cameras_of(folder)
        only = len(labelled) == len(source.cameras) == 1
        self.cameras = {source.cameras[0]: labelled[0]} if only else {c: c for c in source.cameras if c in labelled}
        if not self.cameras:
            raise _invalid(f"{folder} has labels of the cameras {labelled}, {source.name} has {list(source.cameras)}")
        self.skips = Skips(
            f"labels of {source.name}", len(source.lengths) * len(self.cameras), share, say, "unlabelled_share"
        )
        self._clips: Recent[Clip] = Recent(window * len(self.cameras))
        first = self._first()
        self.labeller, self.models = first.about.labeller, first.about.models

    def at(
        self, pictures: Pictures, index: int, episode: Episode, camera: str, frame: int, size: tuple[int, int]
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint8] | None] | None:
        """Millimetres and confidence ``[h, w]`` of a frame, of a picture of that (height, width); or nothing.

        Raises:
            WorkerError: LABELS_INVALID when the labels are of several labellers; DATA_BROKEN when too many are broken.
        """
        name = self.cameras[camera]
        where = self.folder / name_of(index, name)
        of = int(self.source.lengths.sum())
        try:
            clip = self._clips.get((index, name), lambda: self._open(index, name))
            if len(clip.depth) != episode.recorded:
                raise broken(where, f"labels of {len(clip.depth)} frames, but the episode has {episode.recorded}")
            depth = pictures.get((where, "depth"), clip.depth, episode.first + frame, of)
            if problem := view_problem(depth.shape, size):
                raise broken(where, problem)
            if clip.confidence is None:
                return depth, None
            sure = pictures.get((where, "confidence"), clip.confidence, episode.first + frame, of)
        except _MixedLabels:
            raise
        except WorkerError as error:
            if error.exit_code == TRY_AGAIN:
                raise
            self.skips.add(f"episode {index}, {name}", error)
            return None
        return depth, sure

    def _open(self, index: int, name: str) -> Clip:
        """A clip of the same labeller as the others, whose depth is looked at when it is read."""
        where = self.folder / name_of(index, name)
        clip = open_clip(self.folder, index, name)
        if clip.about.labeller != self.labeller:
            made, others = clip.about.labeller[:12], self.labeller[:12]
            raise _mixed(f"{where}: made by labeller {made}, others by {others}")

        return replace(clip, depth=plausible(clip.depth, where))

    def _first(self) -> Clip:
        """Of the first episode that has labels."""
        for name in self.cameras.values():
            for index in map(int, np.flatnonzero(self.source.lengths)):
                if (self.folder / name_of(index, name)).is_file():
                    return open_clip(self.folder, index, name)
        raise _invalid(f"{self.folder}: no episode of {self.source.name} has labels")


class _MixedLabels(WorkerError):
    """Not a broken file, but another experiment's: nothing to skip."""


def _mixed(message: str) -> _MixedLabels:
    hint = "labels of one dataset are made by one labeller: label it anew"
    return _MixedLabels("LABELS_INVALID", message, hint=hint, exit_code=DATA_ERROR)


def _invalid(message: str) -> WorkerError:
    return WorkerError("LABELS_INVALID", message, exit_code=DATA_ERROR)
