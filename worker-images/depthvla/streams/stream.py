"""One streamed input: its files, block by block, from the cache or the store."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import posixpath
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

from depthvla.data.broken import broken
from depthvla.runtime.config import Json
from depthvla.runtime.job import StoreAddress
from depthvla.runtime.store import Changed, open_source, read_range
from depthvla.streams.cache import BlockCache
from depthvla.streams.figures import FIGURES
from depthvla.streams.listing import ArtifactFiles, Entry, Folder, Listing, StoredFolder
from depthvla.streams.locks import locked_name

BLOCK = 1 << 20
"""Bytes of a block. A smaller file is one; of a larger one only the blocks that are read are fetched: an episode of a
TFRecord shard or of an hour's video, not the gigabyte around it. An episode is a few megabytes: of larger blocks much
would be beside it, smaller ones would cost more requests than they save."""
AHEAD_THREADS = 8
AHEAD_BLOCKS = 4
RUN = 3
"""Blocks in a row after which a file counts as being read from one end to the other: who reads the frames of an episode
in any order hardly ever goes that far, and what lies behind the episode is of no use."""
_AHEAD_WAITING = 256
_FILES_READ = 1024


@dataclass(frozen=True)
class StreamSource:
    """Where an input is, and where what is read of it is kept.

    Attributes:
        artifact, output: key of an artifact's manifest, and its output; None for the store's folder itself.
        cache: folder on a local disk.
        limit: bytes in it at most.
    """

    address: StoreAddress
    artifact: str | None
    output: str | None
    cache: Path
    limit: int
    block: int = BLOCK

    @property
    def name(self) -> str:
        """What messages call it, and all its paths begin with."""
        url = self.address.url.rstrip("/")
        return url if self.artifact is None else f"{url}/{posixpath.dirname(self.artifact)}/{self.output}"


class Stream:
    """See the top of this module. May be shared by threads.

    Raises:
        WorkerError: INPUT_MISSING, STORE_*.
    """

    def __init__(self, source: StreamSource) -> None:
        self.source = source
        self._store = open_source(source.address)
        self._listing: Listing = (
            StoredFolder(self._store)
            if source.artifact is None
            else ArtifactFiles(self._store, source.artifact, source.output or "")
        )
        self._cache = _cache(source.cache, source.limit)
        self._read_last: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._lock = threading.Lock()

    def folder(self, path: str) -> Folder:
        return self._listing.folder(path)

    def blocks(self, entry: Entry) -> int:
        return -(-entry.size // self.source.block)

    def open(self, path: Path, entry: Entry, number: int) -> int:
        """A descriptor of a block, to be closed by the caller.

        Raises:
            WorkerError: DATA_BROKEN when the file is gone, or no longer what it was; STORE_*.
        """
        if self._run(entry, number) >= RUN:
            self.announce(path, entry, range(number + 1, number + 1 + AHEAD_BLOCKS))
        begun = time.monotonic()
        fd = self._get_block(path, entry, number)
        FIGURES.waited(time.monotonic() - begun)
        return fd

    def _get_block(self, path: Path, entry: Entry, number: int) -> int:
        start = number * self.source.block
        end = min(entry.size, start + self.source.block)
        return self._cache.open(self._name(entry, number), end - start, lambda: self._get(path, entry, start, end))

    def open_file(self, path: Path, entry: Entry) -> tuple[int, Path]:
        """All of a file: a descriptor, to be closed by the caller, and its name until then. Raises as `open` does."""
        return self._cache.open_file(self._name(entry, -1), entry.size, lambda: self._get(path, entry, 0, entry.size))

    def remember(self, entry: Entry, question: str, find: Callable[[], Json]) -> Json:
        """What was found out about a file once, by whatever attempt on this host."""
        name = self._digest(entry, question)
        folder = self.source.cache / "found"
        path = folder / name
        with locked_name(self.source.cache / "fetching", name):
            with contextlib.suppress(OSError, ValueError):
                return cast("Json", json.loads(path.read_bytes()))
            found = find()
            with contextlib.suppress(OSError):  # a full disk: it is found out again
                folder.mkdir(exist_ok=True)
                path.with_suffix(".new").write_text(json.dumps(found), encoding="utf-8")
                path.with_suffix(".new").rename(path)
        return found

    def announce(self, path: Path, entry: Entry, numbers: range) -> None:
        """Blocks that will be read soon; they are fetched meanwhile, if there is nothing better to do."""
        for number in numbers:
            if 0 <= number < self.blocks(entry) and not self._cache.has(self._name(entry, number)):
                _ahead().put(self, path, entry, number)

    def _get(self, path: Path, entry: Entry, start: int, end: int) -> Iterator[bytes]:
        """Bytes of a file, a block at a time, verified by size and version, and by its hash if it is all of it."""
        digest = hashlib.sha256()
        try:
            for at in range(start, end, self.source.block):
                to = min(end, at + self.source.block)
                piece = read_range(self._store, entry.key, at, to, entry.size, entry.version)
                digest.update(piece)
                yield piece
        except FileNotFoundError as error:
            raise broken(path, "it is listed, but no longer in the store") from error
        except Changed as error:
            raise broken(path, str(error)) from error
        if entry.sha256 is not None and end - start == entry.size and digest.hexdigest() != entry.sha256:
            raise broken(path, "its bytes are not those of which the manifest has the SHA-256")

    def _run(self, entry: Entry, number: int) -> int:
        """How many blocks of a file were read one after the other, with this one; 0 if it was read just before, too."""
        with self._lock:
            before, run = self._read_last.pop(entry.key, (-2, 0))
            now = run if number == before else run + 1 if number == before + 1 else 1
            self._read_last[entry.key] = number, now
            if len(self._read_last) > _FILES_READ:
                self._read_last.popitem(last=False)
        return 0 if number == before else now

    def _name(self, entry: Entry, number: int) -> str:
        return self._digest(entry, _BOOT, self.source.block, number)

    def _digest(self, entry: Entry, *more: object) -> str:
        address = self.source.address
        parts = (address.url, address.endpoint, entry.key, entry.size, entry.version, entry.sha256, *more)
        return hashlib.sha256(repr(parts).encode()).hexdigest()


@lru_cache(maxsize=64)
def open_stream(source: StreamSource) -> Stream:
    """The stream of a source; one a process.

    Raises:
        WorkerError: INPUT_MISSING, STORE_*.
    """
    return Stream(source)


@lru_cache(maxsize=8)
def _cache(folder: Path, limit: int) -> BlockCache:
    return BlockCache(folder, limit)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


_BOOT = _boot()
"""Blocks are not made durable, which would cost more than they are worth: after a power cut they are fetched anew."""


class _Ahead:
    """Threads that fetch what was announced; what doesn't fit in the queue is fetched when it is read."""

    def __init__(self) -> None:
        self._queue: queue.Queue[tuple[Stream, Path, Entry, int]] = queue.Queue(_AHEAD_WAITING)
        for number in range(AHEAD_THREADS):
            threading.Thread(target=self._work, name=f"ahead-{number}", daemon=True).start()

    def put(self, stream: Stream, path: Path, entry: Entry, number: int) -> None:
        try:
            self._queue.put_nowait((stream, path, entry, number))
        except queue.Full:
            return

    def _work(self) -> None:
        while True:
            stream, path, entry, number = self._queue.get()
            try:
                os.close(stream._get_block(path, entry, number))
            except Exception:
                # Whoever reads it meets the same, and is the one to say it.
                continue


@lru_cache(maxsize=1)
def _ahead() -> _Ahead:
    return _Ahead()
