"""What a labeller is, whatever is behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from depthvla.data.pictures import pick

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """Frames of a clip.

    Attributes:
        episode, camera, frames: which, ``[B]``.
        images: uint8 ``[B, H, W, 3]``.
    """

    episode: int
    camera: str
    frames: NDArray[np.int64]
    images: NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """What is seen in pictures by themselves, ``[B, h, w]`` each.

    Attributes:
        metres: depth; 0 = none. None where there is only relative depth.
        relative: inverse depth up to scale and shift; NaN = none.
        confidence: 0..1; it ranks pixels of one picture, no more.
    """

    metres: F32 | None = None
    relative: F32 | None = None
    confidence: F32 | None = None

    def at(self, height: int, width: int) -> Look:
        """The same, coarser: the nearest pixel each, since between an object and what lies behind there is nothing."""

        def cut(values: F32 | None) -> F32 | None:
            if values is None or values.shape[1:] == (height, width):
                return values
            rows, columns = pick(0, values.shape[1], height), pick(0, values.shape[2], width)
            return np.ascontiguousarray(values[:, rows[:, None], columns])

        return Look(cut(self.metres), cut(self.relative), cut(self.confidence))


@dataclass(frozen=True)
class Labelled:
    """Depth to store, ``[B, h, w]``.

    Attributes:
        metres: 0 = none.
        confidence: 0..1.
        other: metres by a second labeller, to compare with.
    """

    metres: F32
    confidence: F32 | None = None
    other: F32 | None = None


@dataclass(frozen=True)
class Settled:
    """How the looks of one clip become labels.

    Attributes:
        finish: for any frames of the clip.
        problem: why this clip could not be settled as it should.
    """

    finish: Callable[[Look], Labelled]
    problem: str | None = None


class Labeller(Protocol):
    """Depth of pictures. A clip (an episode of a camera) is settled once, so that its depth doesn't flicker."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides what it says: weights, revision, preprocessing, code."""

    @property
    def models(self) -> tuple[str, ...]:
        """SHA-256 of each file of weights."""

    @property
    def common(self) -> int:
        """Frames of a clip that it wants to see before it settles; 0: none."""

    def prepare(self, batch: Batch) -> Callable[[], Look]:
        """Does what needs no device, in the thread that reads; the rest is the function that is given back, for one
        thread at a time. What is seen in a frame doesn't depend on the others of the batch."""

    def settle(self, looks: Look) -> Settled:
        """From the looks of `common` frames."""


def as_seen(look: Look) -> Labelled:
    """Of a labeller that knows metres by itself."""
    assert look.metres is not None
    return Labelled(look.metres, look.confidence)


def join(looks: list[Look]) -> Look:
    """The frames of all of them."""

    def all_of(name: str) -> F32 | None:
        parts = [getattr(look, name) for look in looks]
        return None if any(part is None for part in parts) else np.concatenate(parts)

    return Look(all_of("metres"), all_of("relative"), all_of("confidence"))


def samples(frames: int, most: int) -> NDArray[np.int64]:
    """At most so many frames of a clip, evenly spread."""
    count = min(frames, most)
    return ((np.arange(count) + 0.5) * frames / max(1, count)).astype(np.int64)


def label(labeller: Labeller, batch: Batch) -> Labelled:
    """The labels of a clip that is in memory as one batch."""
    look = labeller.prepare(batch)()
    some = samples(len(batch.frames), labeller.common)

    def take(values: Any) -> Any:
        return None if values is None else values[some]

    return labeller.settle(Look(take(look.metres), take(look.relative), take(look.confidence))).finish(look)
