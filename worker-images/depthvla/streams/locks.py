"""Locks between the threads and processes of one host. They end with whoever holds them, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FLOCK = struct.Struct("hhqqi4x")
"""`struct flock` of Linux on 64 bits: kind, whence, start, length, pid."""


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Holds a file for itself; gives its descriptor."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


@contextmanager
def locked_name(path: Path, name: str, *, wait: bool = True) -> Iterator[bool]:
    """Holds a name for itself, of any number of them: a byte of one file for each. Says whether it does; without `wait`
    it may not."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        at = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
        want = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, at, 1, 0)
        # Of the open file, not of the process: threads keep each other out too.
        held = True
        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK, want)
        except BlockingIOError:
            held = False
        yield held
    finally:
        os.close(fd)


def hold(fd: int) -> None:
    """Marks an open file as in use: `take` leaves it alone until it is closed."""
    # Somebody who is just taking it away: what is open stays readable all the same.
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)


def take(path: Path) -> bool:
    """Removes a file, unless somebody has it in use."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
