"""Labels beside measured depth, and in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthvla.data.episodes import EpisodeSource
from depthvla.labels.gates import at_size
from depthvla.labels.labellers.labeller import Batch, Labeller, samples
from depthvla.labels.metrics import ALIGNED, Aligned, Scores, results
from depthvla.labels.panels import depth_panel
from depthvla.labels.reading import ClipOf
from depthvla.labels.score import measured
from depthvla.labels.sidecar import open_clip, to_metres

SHOWN = 6
AT_ONCE = 64
F32 = NDArray[np.float32]


def truth_of(truth: Labeller, clip: ClipOf, frames: NDArray[np.int64], size: tuple[int, int]) -> F32:
    """Measured depth of some frames, metres at the size of the labels; 0 = none."""
    batch = Batch(clip.episode, clip.camera, frames, np.zeros((len(frames), *size, 3), np.uint8))
    depth = truth.prepare(batch)().at(*size).metres
    assert depth is not None
    return depth


def score(folder: Path, clips: Sequence[ClipOf], truth: Labeller) -> dict[str, float | dict[str, int]]:
    """All metrics of these clips, and how many of the measured pixels have a label."""
    scores: dict[Aligned, Scores] = {how: Scores(how) for how in ALIGNED}
    labelled, pixels = 0, 0
    for clip in clips:
        depth = open_clip(folder, clip.episode, clip.camera).depth
        for start in range(0, clip.frames, AT_ONCE):
            frames = np.arange(start, min(clip.frames, start + AT_ONCE))
            made = to_metres(np.stack([depth[int(i)] for i in frames]))
            true = truth_of(truth, clip, frames, (made.shape[1], made.shape[2]))
            labelled += int(np.count_nonzero(measured(true) & measured(made)))
            pixels += int(np.count_nonzero(measured(true)))
            for each in scores.values():
                each.add(made, true)
    found = results(scores)
    return {**found, "label.coverage": {"k": labelled, "n": pixels}} if pixels else found


def show(path: Path, folder: Path, source: EpisodeSource, clips: Sequence[ClipOf], truth: Labeller | None) -> None:
    """Writes a sheet of frames from all over these clips: picture, label, and measured depth where there is any."""
    ends = np.cumsum([clip.frames for clip in clips])
    pictures: list[NDArray[np.uint8]] = []
    labels: list[F32] = []
    true: list[F32] = []
    for frame in samples(int(ends[-1]), SHOWN):
        which = int(np.searchsorted(ends, frame, side="right"))
        clip, place = clips[which], int(frame - (ends[which - 1] if which else 0))
        depth = to_metres(open_clip(folder, clip.episode, clip.camera).depth[place])
        if labels and depth.shape != labels[0].shape:
            continue  # of another camera
        size = (depth.shape[0], depth.shape[1])
        pictures.append(at_size(source.read(clip.episode).cameras[clip.camera][place], size))
        labels.append(depth)
        if truth is not None:
            true.append(truth_of(truth, clip, np.array([place]), size)[0])
    depth_panel(path, np.stack(pictures), np.stack(labels), np.stack(true) if true else None)
