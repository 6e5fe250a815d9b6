"""What the launcher asks for by signal: SIGTERM = save and exit 75, SIGUSR1 = save and go on, SIGUSR2 = dump stacks.

Installed before anything heavy is imported: importing torch takes seconds, in which a signal may come.
"""

from __future__ import annotations

import faulthandler
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

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
        raise SystemExit(TRY_AGAIN)


def _on_term(_signal: int, _frame: FrameType | None) -> None:
    _Asked.stop = True
    if not _Asked.held:
        raise SystemExit(TRY_AGAIN)


def _on_save(_signal: int, _frame: FrameType | None) -> None:
    _Asked.save = True
