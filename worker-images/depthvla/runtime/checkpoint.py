"""Training state in the store, sharded and exact.

Saving: training waits only for the copy to host memory. A thread then writes this rank's part
(torch.distributed.checkpoint), uploads it, tells rank 0 its files, and rank 0 commits the manifest.
Resuming: the first manifest that verifies and loads on every rank wins; a broken one is said and passed over.
"""

from __future__ import annotations

import errno
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypedDict, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.state_dict_loader import load as load_parts
from torch.distributed.checkpoint.state_dict_saver import save as save_parts

from depthvla.runtime import randomness
from depthvla.runtime.config import Json
from depthvla.runtime.failure import IO_ERROR, WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.manifest import CommitLog, Manifest
from depthvla.runtime.store import FileEntry
from depthvla.runtime.versions import versions

State = dict[str, Tensor]
T = TypeVar("T")


class OfRank(Protocol):
    """What each rank keeps for itself, as JSON: sums over its own part of the batches, say."""

    def take(self) -> Json: ...

    def put(self, saved: Json) -> None: ...


class _RankFile(TypedDict):
    """`rank.<n>.json`"""

    randomness: randomness.Randomness
    own: Json


class _Writer(FileSystemWriter):
    """Writes the same bytes for the same state: no random name of the save, no path of this host."""

    def storage_meta(self) -> None:
        return None


class Checkpoints:
    """The checkpoints of one training: what is saved are tensors that training changes in place."""

    def __init__(self, job: Job, state: State, own: OfRank, cursor: Mapping[str, Json]) -> None:
        self.job = job
        self.state = state
        self.own = own
        self.cursor = cursor
        self.log = CommitLog(job)
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        # A group of its own: the saving thread's collectives must not meet those of training.
        self._group = dist.new_group(backend="gloo") if job.world > 1 else None

    def save(self, step: int, metrics: Mapping[str, float]) -> None:
        """Copies the state and lets training go on; first waits for the save before, if it is still under way.

        `metrics`: the last reported means, for the manifest.

        Raises:
            WorkerError: CHECKPOINT_FAILED, when the save before did not become a checkpoint.
        """
        started = time.perf_counter()
        self.wait()
        copy = {name: _to_host(t) for name, t in self.state.items()}
        mine: _RankFile = {"randomness": randomness.take(), "own": self.own.take()}
        stall = (time.perf_counter() - started) * 1000

        def run() -> None:
            try:
                self._write(step, copy, mine, metrics, stall)
            except BaseException as error:
                self._error = error

        self._thread = threading.Thread(target=run, name=f"save {step}")
        self._thread.start()

    def wait(self) -> None:
        """Waits until the last save is committed. A process group may not be destroyed before.

        Raises:
            WorkerError: CHECKPOINT_FAILED.
        """
        if self._thread:
            if self._thread.is_alive():
                self.job.events.busy("saving")
            self._thread.join()
            self._thread = None
        if self._error:
            error, self._error = self._error, None
            raise error

    def resume(self) -> int:
        """Restores the first good checkpoint into the state; returns its step, 0 when there is none."""
        for key in self.job.resume:
            manifest = self._try(key)
            if manifest:
                self.log.parent = manifest.key
                return manifest.step
        if self.job.resume:
            self.job.events.warning("no checkpoint can be used: training starts from the beginning")
        return 0

    def _write(self, step: int, copy: State, mine: _RankFile, metrics: Mapping[str, float], stall: float) -> None:
        folder = self.job.directory / f"saving.{self.job.rank}" / str(step)

        def upload() -> list[FileEntry]:
            folder.mkdir(parents=True)
            # Every rank must reach the collectives in here, so what may fail by itself comes before or after.
            writer = _Writer(folder, sync_files=False)
            save_parts(dict(copy), storage_writer=writer, process_group=self._group, no_dist=self._group is None)
            (folder / f"rank.{self.job.rank}.json").write_text(json.dumps(mine))
            return [self.log.put(step, p, p.name) for p in sorted(folder.iterdir())]

        def commit() -> Manifest | None:
            if self.job.rank != 0:
                return None
            place: dict[str, Json] = {**self.cursor, "step": step}
            return self.log.commit(step, [f for part in parts for f in part], place, versions(), metrics)

        try:
            parts = self._together(upload)
            made = self._together(commit)[0]
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if made:
            self.job.events.checkpoint(step, made.key, made.size, stall)

    def _try(self, key: str) -> Manifest | None:
        """Downloads, verifies and loads one checkpoint; None, with the state untouched, unless every rank could."""
        # Ranks of one host share a download.
        folder = self.job.directory / f"resuming.{socket.gethostname()}"

        def fetch() -> Manifest:
            manifest = self.log.read(key)
            if self.job.local_rank == 0:
                shutil.rmtree(folder, ignore_errors=True)
                self.log.fetch(manifest, folder)
            return manifest

        def load() -> tuple[State, _RankFile | None]:
            staged = {name: torch.empty_like(t, device="cpu") for name, t in self.state.items()}
            try:
                reader = FileSystemReader(folder)
                load_parts(dict(staged), storage_reader=reader, process_group=self._group, no_dist=self._group is None)
            except Exception as error:
                # Its bytes are those that were written, so what was written is not what this model needs.
                raise WorkerError("CHECKPOINT_BROKEN", f"{type(error).__name__}: {error}") from error
            mine = folder / f"rank.{self.job.rank}.json"
            return staged, json.loads(mine.read_text()) if mine.exists() else None

        try:
            manifest = self._together(fetch)[self.job.rank]
            loaded, own = self._each(load)
        except WorkerError as error:
            if error.code != "CHECKPOINT_BROKEN":
                raise
            if self.job.rank == 0:
                self.log.passed_over(key, error)
            return None
        finally:
            if self.job.local_rank == 0:
                shutil.rmtree(folder, ignore_errors=True)
        with torch.no_grad():
            for name, t in self.state.items():
                t.copy_(loaded[name])
        if manifest.world == self.job.world and own:
            randomness.put(own["randomness"])
            self.own.put(own["own"])
        elif self.job.rank == 0:
            world = f"{self.job.world} ranks from a checkpoint of {manifest.world}"
            self.job.events.warning(f"resumed on {world}: the last bits may differ from a run that was not stopped")
        return manifest

    def _each(self, work: Callable[[], T]) -> T:
        """Does something on every rank; fails on every rank when it fails on one, so that none is left waiting.

        Raises:
            WorkerError: with what went wrong on the first rank where something did.
        """
        result: T | None = None
        problem: WorkerError | None = None
        try:
            result = work()
        except Exception as error:
            problem = _named(error)
        problems = [problem]
        if self._group:
            problems = [None] * self.job.world
            dist.all_gather_object(problems, problem, group=self._group)
        for rank, found in enumerate(problems):
            if found is not None:
                where = f"rank {rank}: " if self._group else ""
                raise WorkerError(found.code, where + found.message, hint=found.hint, exit_code=found.exit_code)
        return result  # type: ignore[return-value]

    def _together(self, work: Callable[[], T]) -> list[T]:
        """Like `_each`, and every rank gets the results of all."""
        result = self._each(work)
        if self._group is None:
            return [result]
        results: list[T] = [result] * self.job.world
        dist.all_gather_object(results, result, group=self._group)
        return results


def _named(error: Exception) -> WorkerError:
    if isinstance(error, WorkerError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WorkerError("DISK_FULL", f"a checkpoint: {error}", hint="free some space", exit_code=IO_ERROR)
    return WorkerError("CHECKPOINT_FAILED", f"{type(error).__name__}: {error}", exit_code=1)


def _to_host(t: Tensor) -> Tensor:
    return t.detach().clone() if t.device.type == "cpu" else t.detach().cpu()
