"""One clip on its way from looks to labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depthvla.labels.gates import Gates, Quality, at_size
from depthvla.labels.labellers.labeller import Batch, Labelled, Labeller, Look, join, samples
from depthvla.labels.sidecar import to_millimetres

SHOWN = 3
"""Frames of a flagged clip in its picture."""


@dataclass(frozen=True)
class Done:
    """The labels of a clip.

    Attributes:
        depth, confidence: uint16 millimetres and uint8 (or None), ``[T, h, w]``.
        shown: a few frames: pictures ``[n, h, w, 3]``, and metres ``[n, h, w]`` of the label and (or None) of the
            labeller that it was compared with.
    """

    episode: int
    camera: str
    depth: NDArray[np.uint16]
    confidence: NDArray[np.uint8] | None
    quality: Quality
    shown: tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32] | None]


def order_of(frames: int, common: int) -> NDArray[np.int64]:
    """The frames of a clip in the order in which they are looked at: first those that it is settled by."""
    first = samples(frames, common)
    return np.concatenate([first, np.setdiff1d(np.arange(frames), first)])


def batches_of(frames: int, common: int, batch_size: int) -> list[NDArray[np.int64]]:
    """That order, cut into batches."""
    order = order_of(frames, common)
    return [order[start : start + batch_size] for start in range(0, frames, batch_size)]


class ClipWork:
    """Takes the looks of a clip in `order_of`, and has its labels when all are there.

    What it holds is the labels, 2 or 3 bytes a pixel of them, one byte for the gates, and the looks of no more than
    `common` frames, however long the clip is.

    Args:
        size: height and width of the labels.
    """

    def __init__(self, labeller: Labeller, episode: int, camera: str, frames: int, size: tuple[int, int]) -> None:
        self.episode, self.camera, self.frames, self.size = episode, camera, frames, size
        self._labeller = labeller
        self._depth = np.zeros((frames, *size), np.uint16)
        self._confidence: NDArray[np.uint8] | None = None
        self._gates = Gates(frames, size)
        self._needed = len(samples(frames, labeller.common))
        self._waiting: list[tuple[NDArray[np.int64], Look]] = []
        self._settled = None if self._needed else labeller.settle(Look())
        self._show = samples(frames, SHOWN)
        self._pictures: dict[int, NDArray[np.uint8]] = {}
        self._others: dict[int, NDArray[np.float32]] = {}
        self._left = frames

    def add(self, batch: Batch, look: Look) -> Done | None:
        """One more batch; the labels when it was the last."""
        small = look.at(*self.size)
        self._gates.add(batch.frames, batch.images)
        for i, frame in enumerate(batch.frames):
            if frame in self._show:
                self._pictures[int(frame)] = at_size(batch.images[i], self.size)
        self._waiting.append((batch.frames, small))
        self._left -= len(batch.frames)
        if self._settled is None:
            if sum(len(frames) for frames, _ in self._waiting) < self._needed:
                return None
            seen = join([each for _, each in self._waiting])
            first = slice(self._needed)
            self._settled = self._labeller.settle(
                Look(*(None if v is None else v[first] for v in (seen.metres, seen.relative, seen.confidence)))
            )
        for frames, each in self._waiting:
            self._put(frames, self._settled.finish(each))
        self._waiting.clear()
        return self._done() if self._left == 0 else None

    def _put(self, frames: NDArray[np.int64], labels: Labelled) -> None:
        self._depth[frames] = to_millimetres(labels.metres)
        if labels.confidence is not None:
            if self._confidence is None:
                self._confidence = np.zeros(self._depth.shape, np.uint8)
            self._confidence[frames] = np.rint(np.clip(labels.confidence, 0, 1) * 255).astype(np.uint8)
        if labels.other is not None:
            self._gates.agreement.add(labels.metres, labels.other)
            for i, frame in enumerate(frames):
                if frame in self._show:
                    self._others[int(frame)] = labels.other[i]

    def _done(self) -> Done:
        assert self._settled is not None
        depth = self._depth[self._show].astype(np.float32) * np.float32(0.001)
        shown = [int(i) for i in self._show]
        others = np.stack([self._others[i] for i in shown]) if self._others else None
        return Done(
            self.episode,
            self.camera,
            self._depth,
            self._confidence,
            self._gates.judge(self._depth, self._settled.problem),
            (np.stack([self._pictures[i] for i in shown]), depth, others),
        )
