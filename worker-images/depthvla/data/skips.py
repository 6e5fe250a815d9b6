"""Broken episodes: counted, named, left out; too many of them are an error."""

from __future__ import annotations

import threading
from collections.abc import Callable

from depthvla.runtime.failure import DATA_ERROR, WorkerError


class Skips:
    """The broken episodes of one dataset. May be shared by threads.

    Args:
        name: of the dataset.
        episodes: how many it has.
        share: of them that may be broken.
        say: is told of each broken one, once.
        setting: that the share comes from, to name it.
    """

    def __init__(
        self, name: str, episodes: int, share: float, say: Callable[[str], None], setting: str = "bad_share"
    ) -> None:
        self.name, self.episodes, self.share, self.setting = name, episodes, share, setting
        self.named: dict[str, str] = {}
        self._say = say
        self._lock = threading.Lock()

    def add(self, key: str, error: WorkerError) -> None:
        """One more; nothing where it is known already.

        Raises:
            WorkerError: DATA_BROKEN when there are more than the share.
        """
        with self._lock:
            if key in self.named:
                return
            self.named[key] = error.message
            count = len(self.named)
        self._say(f"{self.name}: skipped: {error.message}")
        if count > self.share * self.episodes:
            raise too_many(self.name, count, self.episodes, "episodes", self.share, self.setting, error) from error


def too_many(name: str, count: int, of: int, what: str, share: float, setting: str, last: WorkerError) -> WorkerError:
    """The error for a dataset of which more is broken than may be."""
    message = f"{name}: {count:,} of {of:,} {what} are broken, more than {share:.3g} of them; the last: {last.message}"
    hint = f"`python -m depthvla.check` names every one; `{setting}` allows more"
    return WorkerError("DATA_BROKEN", message, hint=hint, exit_code=DATA_ERROR)
