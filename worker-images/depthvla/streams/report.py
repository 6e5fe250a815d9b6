"""Tells what reading from the store comes to: as metrics while it goes on, in a line of the log at the end."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from functools import lru_cache

from depthvla.runtime.events import Events
from depthvla.streams.figures import FIGURES, Figures

EVERY_S = 10.0


def summary(figures: Figures) -> str:
    """One line of what was read."""
    read, mib = figures.hits + figures.misses, 2**20
    return (
        f"streamed: {read:,} blocks, {figures.hits / max(1, read):.0%} of them from the cache; "
        f"{figures.fetched_bytes / mib:,.1f} MiB fetched, {figures.uncached_bytes / mib:,.1f} MiB of it not kept; "
        f"readers waited {figures.waited_s:,.1f} s in all"
    )


@lru_cache(maxsize=1)
def report(events: Events) -> None:
    """Begins to tell, in this process, whenever something has been read: silence still means that nothing goes on."""
    threading.Thread(target=_tell, args=(events,), name="stream-report", daemon=True).start()


def _tell(events: Events) -> None:
    before, then = FIGURES.now(), time.monotonic()
    while True:
        time.sleep(EVERY_S)
        after, now = FIGURES.now(), time.monotonic()
        hits, misses = after.hits - before.hits, after.misses - before.misses
        if hits + misses:
            with suppress(OSError):  # a full disk is for others to tell of
                for name, value in _metrics(before, after, now - then).items():
                    events.metric(f"stream.{name}", value)
        before, then = after, now


def _metrics(before: Figures, after: Figures, seconds: float) -> dict[str, float]:
    """Per second: MiB fetched, MiB found on the disk, seconds that readers waited (several may at once)."""
    mib = 2**20 * seconds
    return {
        "fetched": (after.fetched_bytes - before.fetched_bytes) / mib,
        "cached": (after.hit_bytes - before.hit_bytes) / mib,
        "waited": (after.waited_s - before.waited_s) / seconds,
    }
