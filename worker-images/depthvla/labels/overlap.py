"""Reading, looking and writing side by side, and which of them the others wait for.

Threads read ahead (and prepare), one thread looks and settles, one writes; queues between them are short, so that what
is in memory is bounded whatever is slow.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class Clock:
    """Seconds that were spent on something, by any number of threads."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds += time.perf_counter() - started


@dataclass
class Shares:
    """Where the time goes.

    Attributes:
        readers: threads that read.
        reading, writing: seconds that they were busy, all of them together.
        looking: seconds of looking and settling.
        for_reading, for_writing: seconds in which looking waited, since nothing was read yet, or since what was to be
            written piled up.
    """

    readers: int

    def __post_init__(self) -> None:
        self.reading, self.writing, self.looking = Clock(), Clock(), Clock()
        self.for_reading, self.for_writing = Clock(), Clock()
        self.frames = 0
        self._began, self._ended = time.perf_counter(), 0.0

    def stop(self) -> None:
        """What comes after is not counted."""
        self._ended = time.perf_counter()

    def metrics(self) -> dict[str, float]:
        """By the name of a metric. What is measured with a clock has a name that begins with `time.`: it is never twice
        the same, and no two runs are compared by it."""
        wall = max((self._ended or time.perf_counter()) - self._began, 1e-9)
        return {
            "time.reading_busy": self.reading.seconds / wall / self.readers,
            "time.looking_busy": self.looking.seconds / wall,
            "time.writing_busy": self.writing.seconds / wall,
            "time.waits_for_reading": self.for_reading.seconds / wall,
            "time.waits_for_writing": self.for_writing.seconds / wall,
            "time.frames_per_second": self.frames / wall,
        }

    def limit(self) -> str:
        """What the others wait for most, in words."""
        shares = self.metrics()
        waits = {
            "reading": shares["time.waits_for_reading"],
            "writing": shares["time.waits_for_writing"],
            "looking": shares["time.looking_busy"],
        }
        most = max(waits, key=waits.__getitem__)
        if most == "looking":
            return f"limited by looking (busy {waits[most]:.0%} of the time)"
        return f"limited by {most} (looking waits for it {waits[most]:.0%} of the time)"


class Writing(Generic[T]):
    """A thread that writes, no more than `ahead` pieces behind.

    Args:
        write: is called for each piece, in order.
    """

    def __init__(self, write: Callable[[T], None], shares: Shares, ahead: int = 2) -> None:
        self._write, self._shares, self._ahead = write, shares, ahead
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="writing")
        self._pending: deque[tuple[T, Future[None]]] = deque()

    def put(self, piece: T) -> None:
        """Waits while too much is to be written already."""
        self._pending.append((piece, self._pool.submit(self._timed, piece)))
        if len(self._pending) > self._ahead:
            with self._shares.for_writing.running():
                self._pending[0][1].result()

    def written(self) -> Iterator[T]:
        """What has been written since the last time. Raises what writing raised."""
        while self._pending and self._pending[0][1].done():
            yield self._take()

    def rest(self) -> Iterator[T]:
        """All the rest, waiting for it."""
        while self._pending:
            with self._shares.for_writing.running():
                self._pending[0][1].exception()
            yield self._take()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _take(self) -> T:
        piece, future = self._pending.popleft()
        future.result()
        return piece

    def _timed(self, piece: T) -> None:
        with self._shares.writing.running():
            self._write(piece)
