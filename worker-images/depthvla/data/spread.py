"""Spreads independent pieces of work over processes, with the same results for any number of them."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for_any
from signal import SIG_IGN, SIGINT, SIGTERM, SIGUSR1, signal
from typing import TypeVar

from depthvla.runtime.failure import WorkerError

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(work: Callable[[Item], Result], items: Sequence[Item], processes: int) -> Iterator[tuple[int, Result]]:
    """Do every piece in fresh processes; give results as they come, each with its item's index.

    A piece must depend on its item alone. Processes are spawned, not forked: a drawing context or torch's threads
    don't survive a fork. They end with this process, however it ends.

    Args:
        work: a function of a module's top level.
        items: what to call it with; must pickle.
        processes: how many at a time.

    Raises:
        WorkerError: PROCESS_DIED when a process is killed from outside (by the kernel, for memory).
        Exception: what ``work`` raises.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(max(1, min(processes, len(items))), mp_context=context, initializer=_start)
    try:
        pending = {pool.submit(_attempt, work, item): index for index, item in enumerate(items)}
        while pending:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=pending.__getitem__):
                result = future.result()
                if isinstance(result, _Refusal):
                    raise WorkerError(result.code, result.message, hint=result.hint, exit_code=result.exit_code)
                yield pending.pop(future), result
    except BrokenProcessPool as error:
        message = "a process of this stage was killed from outside, perhaps for want of memory"
        raise WorkerError("PROCESS_DIED", message, exit_code=1) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        # Leaving early (SIGTERM, an error) doesn't wait for pieces that nobody wants any more.
        for child in multiprocessing.active_children():
            child.kill()


@dataclass(frozen=True)
class _Refusal:
    """A `WorkerError` on its way between processes: exceptions with named arguments don't survive pickling."""

    code: str
    message: str
    hint: str | None
    exit_code: int


def _attempt(work: Callable[[Item], Result], item: Item) -> Result | _Refusal:
    try:
        return work(item)
    except WorkerError as error:
        return _Refusal(error.code, error.message, error.hint, error.exit_code)


def _start() -> None:
    """In each process: signals are the parent's to act on, and a parent that is gone takes its children with it."""
    for number in (SIGTERM, SIGINT, SIGUSR1):
        signal(number, SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    sentinel = parent.sentinel

    def follow() -> None:
        wait_for_any([sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
