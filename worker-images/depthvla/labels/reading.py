"""The clips that a shard labels, and their pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depthvla.data.broken import BrokenData, broken
from depthvla.data.datasets import format_of, open_dataset
from depthvla.data.episodes import Episode, EpisodeSource, Wanted
from depthvla.data.kept import Recent
from depthvla.data.like import LIKE
from depthvla.data.mixture_file import FILE as MIXTURE
from depthvla.labels.clip_work import batches_of
from depthvla.labels.labellers.labeller import Batch, Labeller, Look
from depthvla.labels.overlap import Shares
from depthvla.runtime.failure import CONFIG, WorkerError


@dataclass(frozen=True)
class ClipOf:
    """An episode of a camera."""

    episode: int
    camera: str
    frames: int


@dataclass(frozen=True)
class Read:
    """A batch that is ready to be looked at, or what is broken in it."""

    clip: ClipOf
    batch: Batch | None = None
    look: Callable[[], Look] | None = None
    error: BrokenData | None = None


def open_recordings(folder: Path, cameras: Sequence[str], depth: Sequence[str], like: str) -> EpisodeSource:
    """A dataset, each recording whole: labels have the numbers that its frames were recorded with, whatever training
    leaves out.

    Args:
        cameras: by the dataset's names; none: every one that it is usually trained on with.
        depth: depth cameras, to score by.
        like: the published dataset that it is laid out as, a key of `LIKE`, or nothing.

    Raises:
        WorkerError: DATA_BROKEN, CONFIG_INVALID.
    """
    wanted = Wanted()
    if (folder / MIXTURE).is_file():
        message = f"{folder / MIXTURE}: a mixture is labelled dataset by dataset"
        raise WorkerError("CONFIG_INVALID", message, hint="bind the folder of one of them as `demos`", exit_code=CONFIG)
    if like:
        name = format_of(folder) or ""
        if name not in LIKE.get(like, {}):
            message = f"like: nothing is known of {like!r} as {name or 'this folder'}"
            raise WorkerError("CONFIG_INVALID", message, hint=f"there are {', '.join(LIKE)}", exit_code=CONFIG)
        wanted = LIKE[like][name]
    changes: dict[str, object] = {"skip_first": 0, "transforms": (), "depth": tuple(depth)}
    if cameras:
        changes["cameras"] = tuple(cameras)
    source = open_dataset(folder, dataclasses.replace(wanted, **changes))  # type: ignore[arg-type]
    if depth and len(depth) != len(source.cameras):
        message = f"depth_cameras are {list(depth)}, but the cameras {list(source.cameras)}: expected one for each"
        raise WorkerError("CONFIG_INVALID", message, exit_code=CONFIG)
    return source


def clips_of(source: EpisodeSource, shard: int, shards: int) -> list[ClipOf]:
    """Those of every `shards`-th episode, camera after camera."""
    episodes = [int(i) for i in np.flatnonzero(source.lengths)][shard::shards]
    return [ClipOf(e, camera, int(source.lengths[e])) for e in episodes for camera in source.cameras]


class Reader:
    """Batch after batch of some clips, by number; threads may ask for several at once."""

    def __init__(
        self, source: EpisodeSource, clips: Sequence[ClipOf], labeller: Labeller, batch_size: int, shares: Shares
    ) -> None:
        self._source, self._clips, self._labeller = source, clips, labeller
        self._batch_size, self._shares = batch_size, shares
        self._ends = np.cumsum([-(-clip.frames // batch_size) for clip in clips], dtype=np.int64)
        self._episodes: Recent[Episode] = Recent(shares.readers + 1)

    def __len__(self) -> int:
        """Batches."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def read(self, number: int) -> Read | None:
        """A batch, prepared; None after the last."""
        if number >= len(self):
            return None
        which = int(np.searchsorted(self._ends, number, side="right"))
        clip = self._clips[which]
        place = number - (int(self._ends[which - 1]) if which else 0)
        frames = batches_of(clip.frames, self._labeller.common, self._batch_size)[place]
        try:
            with self._shares.reading.running():
                episode = self._episodes.get(clip.episode, lambda: self._source.read(clip.episode))
                pictures = [episode.cameras[clip.camera][int(i)] for i in frames]
                if len({picture.shape for picture in pictures}) > 1:
                    problem = f"episode {clip.episode}: {clip.camera} has pictures of several sizes"
                    raise broken(episode.path, problem)
                batch = Batch(clip.episode, clip.camera, frames, np.stack(pictures))
                return Read(clip, batch, self._labeller.prepare(batch))
        except BrokenData as error:
            return Read(clip, error=error)
