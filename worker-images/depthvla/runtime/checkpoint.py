"""Training state in the store, sharded and exact.

A checkpoint holds all that a step depends on: weights, optimizer and moving average (every tensor of
`training_state`), the state of Python's, numpy's and torch's generators on every rank (`randomness.py`), and the step.
The step is the place in the data too, since batches are pure functions of (seed, step, rank): what threads have read
ahead is read again, and is the same. The learning rate is a function of the step. There is no gradient
scaler: nothing trains in fp16.

Saving: training waits only for the copy to host memory. A thread then writes this rank's part
(torch.distributed.checkpoint), uploads it, tells rank 0 its files, and rank 0 commits the manifest. A save that fails
for want of the store or of room is said, leaves nothing committed, and is tried again: training goes on.
Resuming: the first manifest that verifies and loads on every rank wins; one that is proven to be broken is said and
passed over. A store that doesn't answer proves nothing: then the attempt ends with 75.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypedDict, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner
from torch.distributed.checkpoint.state_dict_loader import load as load_parts
from torch.distributed.checkpoint.state_dict_saver import save as save_parts
from torch.distributed.checkpoint.storage import WriteResult
from torch.futures import Future

from depthvla.runtime import randomness
from depthvla.runtime.config import Json
from depthvla.runtime.failure import BLOCKING, WorkerError, disk_full, is_by_full_disk
from depthvla.runtime.job import Job
from depthvla.runtime.layout import check_cursor, check_layout
from depthvla.runtime.manifest import CommitLog, Manifest
from depthvla.runtime.saving import Trouble
from depthvla.runtime.store import FileEntry
from depthvla.runtime.versions import versions

SLOW_DOWNLOAD = 20e6
"""Bytes per second: what is slower may be taken for hung."""

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
    """Writes the same bytes for the same state (no random name of the save, no path of this host), and names what goes
    wrong where it does: on its way to the other ranks an exception loses what caused it."""

    def storage_meta(self) -> None:
        return None

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        try:
            return super().write_data(plan, planner)
        except Exception as error:
            raise _named(error) from error


class Checkpoints:
    """The checkpoints of one training: what is saved are tensors that training changes in place."""

    def __init__(self, job: Job, state: State, own: OfRank, cursor: Mapping[str, Json]) -> None:
        self.job = job
        self.state = state
        self.own = own
        self.cursor = cursor
        self.log = CommitLog(job)
        self._trouble = Trouble(job.events)
        self._owed = False
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        # A group of its own: the saving thread's collectives must not meet those of training.
        self._group = dist.new_group(backend="gloo") if job.world > 1 else None

    def ask(self) -> None:
        """A save is owed from now on."""
        self._owed = True

    def hurry(self) -> None:
        """Somebody asked for a save: it doesn't wait for the pause after one that failed."""
        self._trouble.hurry()

    @property
    def busy(self) -> bool:
        """Whether a save must wait, as far as this rank knows: one is under way, or the store is given time to recover.
        Ranks learn of it at different moments, so they act on what all of them say."""
        return (self._thread is not None and self._thread.is_alive()) or not self._trouble.is_over

    def save_what_is_owed(self, step: int, metrics: Mapping[str, float]) -> None:
        """Saves if a save is owed. Call it on every rank, when no rank is busy, or where there is no later.

        Raises:
            WorkerError: CHECKPOINT_FAILED, CHECKPOINT_EXISTS, when the save before came to nothing and never will.
        """
        self.wait()
        if self._owed:
            self.save(step, metrics)

    def save(self, step: int, metrics: Mapping[str, float]) -> None:
        """Copies the state and lets training go on; first waits for the save before, if it is still under way.

        `metrics`: the last reported means, for the manifest.

        Raises:
            WorkerError: as `save_what_is_owed`.
        """
        started = time.perf_counter()
        self.wait()
        copy = {name: _to_host(t) for name, t in self.state.items()}
        mine: _RankFile = {"randomness": randomness.take(), "own": self.own.take()}
        stall = (time.perf_counter() - started) * 1000
        self._owed = False

        def run() -> None:
            try:
                self._write(step, copy, mine, metrics, stall)
                self._trouble.worked(step)
            except BaseException as error:
                if isinstance(error, WorkerError) and error.code in BLOCKING:
                    self._trouble.failed(step, error)
                self._error = error

        # Whoever leaves in a hurry doesn't wait for it.
        self._thread = threading.Thread(target=run, name=f"save {step}", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Waits until the last save is committed, or has failed. A process group may not be destroyed before.

        Raises:
            WorkerError: as `save_what_is_owed`.
        """
        if self._thread:
            if self._thread.is_alive():
                self.job.events.busy("saving")
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if isinstance(error, WorkerError) and error.code in BLOCKING:
            self._owed = True
        elif error is not None:
            raise error

    def resume(self) -> int:
        """Restores the first good checkpoint into the state; returns its step, 0 when there is none.

        Raises:
            WorkerError: CHECKPOINT_MISMATCH when one is whole, but of another model or of other data; STORE_*.
        """
        for key in self.job.resume:
            manifest = self._try(key)
            if manifest:
                self.log.parent = manifest.key
                return manifest.step
        if self.job.resume:
            self.job.events.warning("no checkpoint can be used: training starts from the beginning")
        return 0

    def _write(self, step: int, copy: State, mine: _RankFile, metrics: Mapping[str, float], stall: float) -> None:
        folder = self.job.scratch / f"saving.{self.job.rank}" / str(step)

        def write() -> None:
            # Nothing in here may fail on one rank alone: the others would wait in its collectives.
            writer = _Writer(folder, sync_files=False)
            save_parts(dict(copy), storage_writer=writer, process_group=self._group, no_dist=self._group is None)

        def upload() -> list[FileEntry]:
            (folder / f"rank.{self.job.rank}.json").write_text(json.dumps(mine))
            return [self.log.put(step, p, p.name) for p in sorted(folder.iterdir())]

        def commit() -> Manifest | None:
            if self.job.rank != 0:
                return None
            place: dict[str, Json] = {**self.cursor, "step": step}
            return self.log.commit(step, [f for part in parts for f in part], place, versions(), metrics)

        def take_back() -> None:
            # Nobody can have committed them, and the next try needs the room.
            self.log.take_back(step, [p.name for p in folder.iterdir()])

        try:
            self._each(lambda: folder.mkdir(parents=True, exist_ok=True))
            self._each(write)
            try:
                parts = self._together(upload)
            except WorkerError as error:
                if error.code == "STORE_FULL":
                    self._each(take_back)
                raise
            made = self._together(commit)[0]
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if made:
            self.job.events.checkpoint(step, made.key, made.size, stall)

    def _try(self, key: str) -> Manifest | None:
        """Downloads, verifies and loads one checkpoint; None, with the state untouched, unless every rank could."""
        # Ranks of a node share a download, named by the first of them: nodes may share the folder, even the machine.
        folder = self.job.scratch / f"resuming.{self.job.rank - self.job.local_rank}"

        def fetch() -> Manifest:
            manifest = self.log.read(key)
            check_cursor(key, manifest.cursor, self.cursor)
            if self.job.local_rank == 0:
                self.job.events.busy("resuming", seconds=manifest.size / SLOW_DOWNLOAD)
                shutil.rmtree(folder, ignore_errors=True)
                self.log.fetch(manifest, folder)
            return manifest

        def load() -> tuple[State, _RankFile | None]:
            staged = {name: torch.empty_like(t, device="cpu") for name, t in self.state.items()}
            reader = FileSystemReader(folder)
            try:
                check_layout(key, reader.read_metadata(), self.state)
                load_parts(dict(staged), storage_reader=reader, process_group=self._group, no_dist=self._group is None)
            except CheckpointException as error:
                cause = _cause(error)
                if isinstance(cause, (OSError, MemoryError)) and not isinstance(cause, FileNotFoundError):
                    raise cause from error
                # Its bytes are those that were written, so what was written is not what this model needs.
                raise WorkerError("CHECKPOINT_BROKEN", f"{type(cause).__name__}: {cause}") from error
            except FileNotFoundError as error:
                raise WorkerError("CHECKPOINT_BROKEN", f"it says nothing of its tensors: {error}") from error
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
        except (Exception, CheckpointException) as error:
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


def _cause(error: CheckpointException) -> BaseException:
    """What a rank met, of what torch made of it."""
    return next(iter(error.failures.values()))[0]


def _named(error: BaseException) -> WorkerError:
    if isinstance(error, CheckpointException):
        return _named(_cause(error))
    if isinstance(error, WorkerError):
        return error
    if is_by_full_disk(error):
        return disk_full("the attempt directory")
    return WorkerError("CHECKPOINT_FAILED", f"{type(error).__name__}: {error}", exit_code=1)


def _to_host(t: Tensor) -> Tensor:
    return t.detach().clone() if t.device.type == "cpu" else t.detach().cpu()
