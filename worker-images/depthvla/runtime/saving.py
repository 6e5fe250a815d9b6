"""When to save: on an interval, when asked to, and again after a save that came to nothing."""

from __future__ import annotations

import time

from depthvla.runtime.events import Events
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.store import PATIENCE_S

FIRST_PAUSE_S = PATIENCE_S / 2
LONGEST_PAUSE_S = PATIENCE_S * 5


class Trouble:
    """Saves that fail for want of the store or of a disk's room: said once when it begins, and once when it is over.

    The work goes on meanwhile, and saving is tried again after a pause that doubles.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._codes: set[str] = set()
        self._began: tuple[int, float] | None = None
        self._pause = FIRST_PAUSE_S
        self._again_at = 0.0

    @property
    def is_over(self) -> bool:
        """Whether another try is due: at once as long as all is well."""
        return time.monotonic() >= self._again_at

    def hurry(self) -> None:
        """Somebody asks for a save: the next try is due now."""
        self._again_at = 0.0

    def failed(self, step: int, error: WorkerError) -> None:
        if self._began is None:
            self._began = step, time.time()
        if error.code not in self._codes:
            self._codes.add(error.code)
            clock = time.strftime("%H:%M:%S", time.gmtime(self._began[1]))
            self._say(
                f"saving fails since step {self._began[0]} ({clock} UTC): {error.code}: {error.message}; "
                "the work goes on, and saving is tried again"
            )
        self._again_at = time.monotonic() + self._pause
        self._pause = min(LONGEST_PAUSE_S, 2 * self._pause)

    def _say(self, message: str) -> None:
        if self._events.rank == 0:  # all ranks share one fate
            self._events.warning(message)

    def worked(self, step: int) -> None:
        if self._began is not None:
            first, at = self._began
            self._say(f"saving works again: step {step} is saved, {time.time() - at:.0f} s after step {first} was not")
        self._codes.clear()
        self._began, self._pause, self._again_at = None, FIRST_PAUSE_S, 0.0
