"""What is kept in memory: what was opened last, and as many pictures as fit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from depthvla.data.episodes import LazyFrames, P
from depthvla.runtime.failure import WorkerError

T = TypeVar("T")


@dataclass
class Recent(Generic[T]):
    """The last so many. May be shared by threads."""

    most: int
    _kept: OrderedDict[Hashable, T] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        value = read()
        with self._lock:
            self._kept[key] = value
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        return value


class Kept(Generic[T]):
    """Values up to so many bytes of them. May be shared by threads.

    What is kept stays: in epochs over more than fits, whatever is thrown out for something else is wanted sooner.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes, self.bytes = most_bytes, 0
        self._kept: dict[Hashable, T] = {}
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> T | None:
        return self._kept.get(key)

    def keep(self, key: Hashable, value: T, size: int) -> None:
        """Nothing where it doesn't fit any more."""
        with self._lock:
            if key not in self._kept and self.bytes + size <= self.most_bytes:
                self._kept[key] = value
                self.bytes += size


class Pictures:
    """Decoded pictures, up to so many bytes of them. What is given must not be written to."""

    def __init__(self, most_bytes: int) -> None:
        self.kept: Kept[NDArray[np.generic]] = Kept(most_bytes)
        self._filling = threading.Lock()

    def get(self, key: Hashable, frames: LazyFrames[P], index: int, of: int) -> NDArray[P]:
        """One of the pictures named `key`.

        Args:
            of: how many such pictures there are in all. If they fit, all of `frames` are decoded now: to go through
                a video costs a fraction of a seek for each.
        """
        found = self.kept.find((key, index))
        if found is not None:
            return cast("NDArray[P]", found)
        picture = self._load(key, frames, index)
        if picture.nbytes * of <= self.kept.most_bytes:
            with self._filling:
                for i in range(len(frames)):
                    # What is broken wasn't asked for yet; whoever asks will be told.
                    with suppress(WorkerError):
                        if self.kept.find((key, i)) is None:
                            self._load(key, frames, i)
        return picture

    def _load(self, key: Hashable, frames: LazyFrames[P], index: int) -> NDArray[P]:
        picture = frames[index]
        picture.flags.writeable = False
        self.kept.keep((key, index), picture, picture.nbytes)
        return picture
