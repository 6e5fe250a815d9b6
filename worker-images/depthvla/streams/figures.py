"""What reading from the store came to in this process."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace


@dataclass
class Figures:
    """
    Attributes:
        hits, misses: blocks that were on the disk, and that were not.
        hit_bytes, fetched_bytes: of these.
        uncached_bytes: for which there was no room.
        waited_s: seconds that readers, all threads together, waited for blocks.
    """

    hits: int = 0
    misses: int = 0
    hit_bytes: int = 0
    fetched_bytes: int = 0
    uncached_bytes: int = 0
    waited_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def hit(self, size: int) -> None:
        with self._lock:
            self.hits += 1
            self.hit_bytes += size

    def fetched(self, size: int) -> None:
        with self._lock:
            self.misses += 1
            self.fetched_bytes += size

    def passed_by(self, size: int) -> None:
        with self._lock:
            self.uncached_bytes += size

    def waited(self, seconds: float) -> None:
        with self._lock:
            self.waited_s += seconds

    def now(self) -> Figures:
        with self._lock:
            return replace(self, _lock=threading.Lock())


FIGURES = Figures()
