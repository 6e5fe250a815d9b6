"""Broken scenes and frames of pictures with depth: counted, named, left out; too many of them are an error."""

from __future__ import annotations

import threading
from collections.abc import Callable

from depthvla.data.skips import too_many
from depthvla.runtime.failure import WorkerError

# Before so many draws, a share says nothing.
_ENOUGH = 100


class FrameSkips:
    """The broken scenes and frames of one dataset of pictures with depth. May be shared by threads.

    How many frames there are isn't known: a frame counts as often as it is drawn, good or broken.

    Args:
        name: of the dataset.
        scenes: how many it has.
        share: of them, and of the frames, that may be broken.
        say: is told of each broken one, once.
    """

    def __init__(self, name: str, scenes: int, share: float, say: Callable[[str], None]) -> None:
        self.name, self.scenes, self.share = name, scenes, share
        self.named: dict[str, str] = {}
        self.drawn = self.broken = 0
        self.broken_scenes: set[str] = set()
        self._say = say
        self._lock = threading.Lock()

    def good(self) -> None:
        with self._lock:
            self.drawn += 1

    def add_frame(self, key: str, error: WorkerError) -> None:
        """A broken frame was drawn.

        Raises:
            WorkerError: DATA_BROKEN when that is so for more than the share.
        """
        with self._lock:
            self.drawn += 1
            self.broken += 1
            count, of = self.broken, self.drawn
        self._name(key, error)
        if count > self.share * max(of, _ENOUGH):
            raise too_many(self.name, count, of, "frames", self.share, "bad_share", error)

    def add_scene(self, key: str, error: WorkerError) -> None:
        """A scene can't be opened; nothing where that is known already.

        Raises:
            WorkerError: DATA_BROKEN when there are more than the share.
        """
        with self._lock:
            self.broken_scenes.add(key)
            count = len(self.broken_scenes)
        self._name(key, error)
        if count > self.share * self.scenes:
            raise too_many(self.name, count, self.scenes, "scenes", self.share, "bad_share", error)

    def _name(self, key: str, error: WorkerError) -> None:
        with self._lock:
            new = key not in self.named
            self.named[key] = error.message
        if new:
            self._say(f"{self.name}: skipped: {error.message}")
