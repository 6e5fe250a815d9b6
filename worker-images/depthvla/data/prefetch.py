"""Reads ahead in threads, and gives what was read in its order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetch(Generic[T]):
    """`read(first)`, `read(first + 1)`, … one after the other.

    What was read ahead and not yet given is not part of the position: `next` is what comes next, whatever the number of
    threads, and a new one that begins there gives the same.

    Args:
        read: a function of the step alone, which several threads may call at once.
        ahead: steps that are read or being read beyond the one given; what bounds the memory.

    Attributes:
        waited_s: seconds for which `take` had to wait: about none where reading keeps up.
    """

    def __init__(self, read: Callable[[int], T], first: int, *, threads: int, ahead: int) -> None:
        self.next = first
        self._read, self._ahead = read, max(1, ahead)
        self._pool = ThreadPoolExecutor(max(1, threads), thread_name_prefix="prefetch")
        self._pending: deque[Future[T]] = deque()
        self.waited_s = 0.0

    def __enter__(self) -> Prefetch[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self) -> T:
        """The next. Raises what `read` raised for it."""
        while len(self._pending) < self._ahead:
            self._pending.append(self._pool.submit(self._read, self.next + len(self._pending)))
        begun = time.monotonic()
        value = self._pending[0].result()
        self.waited_s += time.monotonic() - begun
        self._pending.popleft()
        self.next += 1
        return value

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
