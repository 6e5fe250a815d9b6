"""Measured depth as a labeller: what a simulator knows, to score others by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthvla.data.episodes import EpisodeSource
from depthvla.data.truth import FILE, read_truth
from depthvla.labels.labellers.labeller import Batch, Look, Settled, as_seen
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.store import describe_file


class SimulatorDepth:
    """Depth kept beside a dataset of one camera (data/truth.py): frame after frame, episode after episode.

    Raises:
        WorkerError: DATA_BROKEN when it isn't of as many frames.
    """

    name, common, models = "truth", 0, ()

    def __init__(self, folder: Path, source: EpisodeSource) -> None:
        self._depth = read_truth(folder)
        self.digest = describe_file(folder / FILE, FILE).sha256
        frames = int(source.lengths.sum())
        if len(self._depth) != frames:
            message = f"{folder / FILE} has {len(self._depth)} frames, {source.name} has {frames}"
            raise WorkerError("DATA_BROKEN", message)
        if len(source.cameras) != 1:
            message = f"{folder / FILE} is of one camera, but {list(source.cameras)} are labelled"
            raise WorkerError("DATA_BROKEN", message)
        self._first = np.concatenate([[0], np.cumsum(source.lengths)])

    def prepare(self, batch: Batch) -> Callable[[], Look]:
        depth = self._depth[self._first[batch.episode] + batch.frames]
        return lambda: Look(metres=depth * np.float32(0.001))

    def settle(self, _looks: Look) -> Settled:
        return Settled(as_seen)


class RecordedDepth:
    """Depth that a dataset has beside its pictures.

    Args:
        of: for each camera, the name of its depth.
    """

    name, common, models = "truth", 0, ()
    digest = "recorded"

    def __init__(self, source: EpisodeSource, of: Mapping[str, str]) -> None:
        self._source, self._of = source, of

    def prepare(self, batch: Batch) -> Callable[[], Look]:
        frames = self._source.read(batch.episode).depth[self._of[batch.camera]]
        depth: NDArray[np.uint16] = np.stack([frames[int(i)] for i in batch.frames])
        return lambda: Look(metres=depth * np.float32(0.001))

    def settle(self, _looks: Look) -> Settled:
        return Settled(as_seen)
