"""How much the cache may hold: counted before it is written, so that the bound holds at every moment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from depthvla.streams.locks import locked, locked_name, take

SPARE = 1 << 30
"""Bytes of the disk that are left to others, checkpoints and logs above all (or a twentieth of a small disk)."""
_AT_ONCE = 0.05
"""Part of the bound that is given up at once, so that not every block looks at all of them."""


@dataclass(frozen=True)
class _Kept:
    path: Path
    size: int
    used: float


class Room:
    """The files in `blocks/` and `making/` of a folder, of any number of processes.

    Args:
        folder: on a local disk.
        limit: bytes that they may have together.

    Attributes:
        fetching: file by which a block that is being made is locked, under its name.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self.blocks, self.making, self.fetching = folder / "blocks", folder / "making", folder / "fetching"
        for made in (self.blocks, self.making):
            made.mkdir(parents=True, exist_ok=True)

    def reserve(self, name: str, size: int, beyond: int = 0) -> Path | None:
        """An empty file of that size to write to, once there is room for it; None where there can't be.

        Args:
            beyond: bytes by which the limit may be passed, if all that is there is in use.
        """
        with locked(self.folder / "used") as fd:
            used = _read(fd)
            disk = self._disk(used)
            limit = min(self.limit, disk)
            if used + size > limit:
                used = self._evict(limit - size - int(limit * _AT_ONCE))
            if used + size > min(self.limit + beyond, disk):
                _write(fd, used)
                return None
            # Said before it is so: who is killed in between has counted too much, until all is looked at again.
            _write(fd, used + size)
            path = self.making / name
            with path.open("wb") as file:
                file.truncate(size)
            return path

    def give_back(self, path: Path) -> None:
        """What was reserved and is not needed."""
        with locked(self.folder / "used") as fd:
            if path.exists():
                size = path.stat().st_size
                path.unlink()
                _write(fd, max(0, _read(fd) - size))

    def shrink(self) -> None:
        """Gives up a tenth: the disk turned out to be full."""
        with locked(self.folder / "used") as fd:
            used = _read(fd)
            _write(fd, self._evict(int(used * 0.9)))

    def _disk(self, used: int) -> int:
        """Bytes that the disk has for the cache, what it has now included."""
        disk = os.statvfs(self.folder)
        spare = min(SPARE, disk.f_blocks * disk.f_frsize // 20)
        return max(0, used + disk.f_bavail * disk.f_frsize - spare)

    def _evict(self, target: int) -> int:
        """Removes what was used longest ago until so much is left, but nothing that is open; returns what is left."""
        for path in self.making.iterdir():
            # Left by who was killed: nobody is at it any more.
            with locked_name(self.fetching, path.name, wait=False) as dead:
                if dead:
                    path.unlink(missing_ok=True)
        # In the order in which they are made, so that none is missed that is just being moved.
        making = {each.path.name: each.size for each in _files(self.making)}
        kept = sorted(_files(self.blocks), key=lambda each: each.used)
        left = sum((making | {each.path.name: each.size for each in kept}).values())
        for each in kept:
            if left <= max(0, target):
                break
            if take(each.path):
                left -= each.size
        return left


def _files(folder: Path) -> Iterator[_Kept]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(Path(entry.path))
                continue
            try:
                found = entry.stat()
            except FileNotFoundError:
                continue
            yield _Kept(Path(entry.path), found.st_size, found.st_mtime)


def _read(fd: int) -> int:
    return int(os.pread(fd, 32, 0) or b"0")


def _write(fd: int, used: int) -> None:
    os.pwrite(fd, b"%-31d\n" % used, 0)
