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
    """

    def __init__(self, name: str, episodes: int, share: float, say: Callable[[str], None]) -> None:
        self.name, self.episodes, self.share = name, episodes, share
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
            raise WorkerError(
                "DATA_BROKEN",
                f"{self.name}: {count} of {self.episodes} episodes are broken, more than {self.share:.3g} of them; "
                f"the last: {error.message}",
                hint="`python -m depthvla.check` names every one; `bad_share` allows more",
                exit_code=DATA_ERROR,
            ) from error
