"""What the launcher asks for by signal: SIGTERM = save and exit 75, SIGUSR1 = save and go on, SIGUSR2 = dump stacks.

Installed before anything heavy is imported: importing torch takes seconds, in which a signal may come.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from depthvla.runtime.failure import TRY_AGAIN


class _Asked:
    stop = False
    save = False
    held = 0


def install() -> None:
    """Installs the handlers; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        return
    signal.signal(signal.SIGTERM, _on_term)
    signal.signal(signal.SIGUSR1, _on_save)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR2, all_threads=True)


def leave_in_time(grace: float, say: Callable[[str], None]) -> None:
    """From now on a SIGTERM ends this process with 75 before `grace` seconds are over and SIGKILL comes, even if what
    is under way (a save to a store that has stopped answering) doesn't return: it is torn off, and nothing uncommitted
    counts.

    A handler wouldn't do: it runs only when the main thread comes back from what it is in.

    Args:
        say: told in one sentence when it comes to that.
    """
    enough = grace - min(3.0, grace / 4)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def leave() -> None:
        try:
            say(f"asked to stop {enough:.0f} s ago and still not done: left without waiting any longer")
        finally:
            sys.stderr.flush()
            os._exit(TRY_AGAIN)

    def watch() -> None:
        while signal.SIGTERM not in os.read(woken, 64):
            pass
        timer = threading.Timer(enough, leave)
        timer.daemon = True
        timer.start()

    threading.Thread(target=watch, name="leave in time", daemon=True).start()


@contextmanager
def held() -> Iterator[None]:
    """Inside, SIGTERM only sets `stop_asked`: there is work to be saved, at a place of the worker's choosing.
    Outside there is nothing to save, and SIGTERM ends the process with 75 on the spot."""
    _Asked.held += 1
    try:
        yield
    finally:
        _Asked.held -= 1


def stop_asked() -> bool:
    return _Asked.stop


def take_save_asked() -> bool:
    """Whether a save was asked for since the last look."""
    asked, _Asked.save = _Asked.save, False
    return asked


def stop_here() -> None:
    """Leaves with 75 when a stop was asked for. Call it where everything is saved."""
    if _Asked.stop:
        leave()


def leave() -> NoReturn:
    """Leaves with 75. Slurm asks each process, and so does the launcher: while Python winds up it has no handlers any
    more, and a second SIGTERM would end it as killed, though all is saved."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(TRY_AGAIN)


def _on_term(_signal: int, _frame: FrameType | None) -> None:
    _Asked.stop = True
    if not _Asked.held:
        leave()


def _on_save(_signal: int, _frame: FrameType | None) -> None:
    _Asked.save = True
