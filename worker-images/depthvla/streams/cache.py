"""Blocks of files on the local disk, shared by all processes of a host."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from depthvla.runtime.failure import disk_full, is_full
from depthvla.streams.figures import FIGURES
from depthvla.streams.locks import hold, locked_name
from depthvla.streams.room import Room


class BlockCache:
    """Keeps what was fetched, whole or not at all; what was used longest ago goes first, never what is open.

    Args:
        folder: on a local disk; the same for all who are to share it.
        limit: bytes in it at most.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._room = Room(folder, limit)

    def open(self, name: str, size: int, fetch: Callable[[], Iterable[bytes]]) -> int:
        """A descriptor of a block, to be closed by the caller. While it is open the block stays.

        Args:
            name: hex digits that say what it is.
            fetch: gets its bytes, and raises where they aren't right; called by one process of the host at a time.
        """
        return self._open(name, size, fetch, 0, lambda: _in_memory(size, fetch))

    def open_file(self, name: str, size: int, fetch: Callable[[], Iterable[bytes]]) -> tuple[int, Path]:
        """Like `open`, for what must have a name. Beside what is in use it may pass the limit.

        Raises:
            WorkerError: DISK_FULL.
        """

        def refuse() -> int:
            raise disk_full(f"the cache of streamed inputs in {self._room.folder} ({size:,} bytes at once)")

        return self._open(name, size, fetch, size, refuse), self._path(name)

    def has(self, name: str) -> bool:
        return self._path(name).exists()

    def _path(self, name: str) -> Path:
        return self._room.blocks / name[:2] / name

    def _open(
        self, name: str, size: int, fetch: Callable[[], Iterable[bytes]], beyond: int, otherwise: Callable[[], int]
    ) -> int:
        path = self._path(name)
        fd = _open(path, size)
        if fd is not None:
            FIGURES.hit(size)
            return fd
        with locked_name(self._room.fetching, name):
            fd = _open(path, size)
            if fd is None:
                fd = self._fetch(path, size, fetch, beyond)
            if fd is None:
                fd = otherwise()
        return fd

    def _fetch(self, path: Path, size: int, fetch: Callable[[], Iterable[bytes]], beyond: int) -> int | None:
        """None where there is no room for it."""
        for _ in range(2):
            making = self._room.reserve(path.name, size, beyond)
            if making is None:
                return None
            fd = os.open(making, os.O_RDWR | os.O_CLOEXEC)
            try:
                hold(fd)
                _write(fd, fetch())
                path.parent.mkdir(exist_ok=True)
                making.rename(path)
            except BaseException as error:
                os.close(fd)
                self._room.give_back(making)
                if not (isinstance(error, OSError) and is_full(error)):
                    raise
                self._room.shrink()
            else:
                return fd
        return None


def _in_memory(size: int, fetch: Callable[[], Iterable[bytes]]) -> int:
    """There is no room, because all of it is in use or the disk is full of other things: for this once."""
    FIGURES.passed_by(size)
    fd = os.memfd_create("block", os.MFD_CLOEXEC)
    try:
        _write(fd, fetch())
    except BaseException:
        os.close(fd)
        raise
    return fd


def _open(path: Path, size: int) -> int | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    hold(fd)
    if os.fstat(fd).st_size != size:
        os.close(fd)
        path.unlink(missing_ok=True)
        return None
    os.utime(fd)
    return fd


def _write(fd: int, pieces: Iterable[bytes]) -> None:
    at = 0
    for piece in pieces:
        view = memoryview(piece)
        FIGURES.fetched(len(view))
        while view:
            done = os.pwrite(fd, view, at)
            at, view = at + done, view[done:]
