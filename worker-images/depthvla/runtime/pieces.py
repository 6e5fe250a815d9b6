"""Work done piece by piece, whose finished files are committed now and then: a stage that was killed or stopped goes on
with the first piece that isn't committed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from depthvla.runtime import signals
from depthvla.runtime.config import Json
from depthvla.runtime.failure import BLOCKING, WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.manifest import CommitLog, Manifest
from depthvla.runtime.saving import Trouble
from depthvla.runtime.store import FileEntry
from depthvla.runtime.versions import versions

SELDOM = 10
"""Times as long as the last commit took."""


@dataclass(frozen=True)
class Piece:
    files: tuple[str, ...]
    """Below the folder of all pieces."""
    count: int
    """How many of what the stage counts its progress in."""


class Pieces:
    """What is finished, and what of it is committed.

    Args:
        folder: where the files of all pieces are; after a resume, those that were committed.
        maker: what pieces of one job must have been made by, such as a model's digest.
        every: seconds of work that may be lost; 0 commits each piece. A commit names every file again, so that with
            thousands of them it takes long: it is then done more seldom, for a tenth of the time at most.

    Raises:
        WorkerError: STORE_* when something may have been committed and there is no store to ask.
    """

    def __init__(self, job: Job, folder: Path, maker: str, every: float) -> None:
        self.done: dict[str, Piece] = {}
        self._job, self._folder, self._maker, self._every = job, folder, maker, every
        self._log = CommitLog(job)
        self._trouble = Trouble(job.events)
        self._last: Manifest | None = None
        for key in job.resume:
            if self._resume(key):
                break
        self._committed_at, self._took = time.monotonic(), 0.0

    @property
    def count(self) -> int:
        """How much is done, as the stage counts its progress."""
        return sum(piece.count for piece in self.done.values())

    def add(self, name: str, files: Sequence[str], count: int = 1) -> None:
        """Takes a finished piece."""
        self.done[name] = Piece(tuple(files), count)

    def commit_when_due(self) -> None:
        """Commits when it is time or asked for; leaves with 75 when asked to stop."""
        asked = signals.take_save_asked() or signals.stop_asked()
        every = max(self._every, SELDOM * self._took) if self._every else 0
        if asked or (time.monotonic() - self._committed_at >= every and self._trouble.is_over):
            self.commit()
        signals.stop_here()

    def commit(self) -> None:
        """Commits what is done, if any of it is new. That the store is away or full is said, and the work goes on."""
        if self.count == (self._last.step if self._last else 0):
            return
        step, began = self.count, time.monotonic()
        with signals.held():
            try:
                self._write(step)
                self._trouble.worked(step)
            except WorkerError as error:
                if error.code not in BLOCKING:
                    raise
                self._trouble.failed(step, error)
        self._committed_at = time.monotonic()
        self._took = self._committed_at - began

    def _write(self, step: int) -> None:
        started = time.perf_counter()
        self._job.events.busy("saving")
        before = {f.path: f for f in self._last.files} if self._last else {}
        files = [self._take(step, name, before.get(name)) for piece in self.done.values() for name in piece.files]
        pieces: dict[str, Json] = {
            name: {"files": list(piece.files), "count": piece.count} for name, piece in self.done.items()
        }
        self._last = self._log.commit(step, files, {"maker": self._maker, "pieces": pieces}, versions())
        stall = (time.perf_counter() - started) * 1000
        self._job.events.checkpoint(step, self._last.key, self._last.size, stall)

    def _take(self, step: int, name: str, before: FileEntry | None) -> FileEntry:
        """What the last commit has is carried over inside the store."""
        if self._last and before:
            return self._log.carry(step, before, self._last)
        return self._log.put(step, self._folder / name, name)

    def _resume(self, key: str) -> bool:
        try:
            manifest = self._log.read(key)
            cursor = cast("dict[str, Any]", manifest.cursor)
            if cursor.get("maker") != self._maker:
                raise WorkerError("CHECKPOINT_BROKEN", "it is of another maker")
            self._log.fetch(manifest, self._folder)
        except WorkerError as error:
            if error.code != "CHECKPOINT_BROKEN":
                raise
            self._log.passed_over(key, error)
            return False
        self._last, self._log.parent = manifest, manifest.key
        self.done = {name: Piece(tuple(p["files"]), p["count"]) for name, p in cursor["pieces"].items()}
        return True
