"""Paths of streamed inputs: to who reads, a folder like any other."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path, PosixPath
from typing import IO, Any, BinaryIO, cast

from depthvla.runtime.config import Json
from depthvla.streams.file import StreamedFile
from depthvla.streams.listing import Entry
from depthvla.streams.stream import Stream, StreamSource, open_stream

_MOUNTED: dict[str, StreamSource] = {}
"""By the text that all paths of a source begin with: a path is its text alone, and so is what is made of it."""


class StreamedPath(PosixPath):
    """What data readers ask of a path, answered by a store: to look, and to read. Anything else finds no such file.

    It can be sent to other processes. A library that is given the name of a file can't read it: see `for_library` and
    `on_disk`.
    """

    def exists(self) -> bool:
        return self.is_dir() or self._entry() is not None

    def is_file(self) -> bool:
        return self._entry() is not None

    def is_dir(self) -> bool:
        stream, inside = self._find()
        return bool(stream.folder(inside))

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Only the size is true."""
        entry = self._file()[2]
        return os.stat_result((0o100444, 0, 0, 1, 0, 0, entry.size, 0, 0, 0))

    def iterdir(self) -> Iterator[StreamedPath]:  # type: ignore[override]
        stream, inside = self._find()
        return (self / name for name in sorted(stream.folder(inside)))

    def glob(self, pattern: str) -> Iterator[StreamedPath]:  # type: ignore[override]
        """`*.jpg`, `chunk-*/file-*.parquet`: wildcards within names."""
        first, _, rest = pattern.partition("/")
        stream, inside = self._find()
        for name, entry in sorted(stream.folder(inside).items()):
            if not fnmatchcase(name, first):
                continue
            if not rest:
                yield self / name
            elif entry is None:
                yield from (self / name).glob(rest)

    def open(  # type: ignore[override]
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        if mode not in ("r", "rb"):
            raise PermissionError(errno.EROFS, os.strerror(errno.EROFS), str(self))
        raw = StreamedFile(*self._file())
        if mode == "rb":
            return cast("IO[Any]", raw if buffering == 0 else io.BufferedReader(raw, 1 << 16))
        return io.TextIOWrapper(io.BufferedReader(raw, 1 << 16), encoding, errors, newline)

    def read_bytes(self) -> bytes:
        with self.open("rb", buffering=0) as file:
            return cast("bytes", file.read(self.stat().st_size))

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def announce(self, start: int = 0, end: int | None = None) -> None:
        """Says that these bytes will be read soon. What isn't there is said when it is read."""
        stream, inside = self._find()
        entry = _entry(stream, inside)
        if entry is not None:
            size = stream.source.block
            stream.announce(self, entry, range(start // size, -(-min(entry.size, end or entry.size) // size)))

    def remember(self, question: str, find: Callable[[], Json]) -> Json:
        """The answer to a question about the file, found once on this host."""
        stream, _, entry = self._file()
        return stream.remember(entry, question, find)

    @contextmanager
    def whole(self) -> Iterator[str]:
        """The name of a real file with all of it; what has been opened under it stays readable afterwards."""
        stream, path, entry = self._file()
        fd, name = stream.open_file(path, entry)
        try:
            yield str(name)
        finally:
            os.close(fd)

    def __fspath__(self) -> str:
        raise TypeError(f"{self} has no name on this machine: open it, or see `for_library` and `on_disk`")

    def __str__(self) -> str:
        text = super().__str__()
        scheme, slash, rest = text.partition(":/")
        return f"{scheme}:{'///' if scheme == 'file' else '//'}{rest}" if slash else text

    def __reduce__(self) -> tuple[Callable[..., StreamedPath], tuple[object, ...]]:
        stream, inside = self._find()
        return _mounted, (stream.source, inside)

    def _find(self) -> tuple[Stream, str]:
        parts = self.parts
        for length in range(len(parts), 0, -1):
            source = _MOUNTED.get("/".join(parts[:length]))
            if source is not None:
                return open_stream(source), "/".join(parts[length:])
        raise FileNotFoundError(errno.ENOENT, "no streamed input", str(self))

    def _entry(self) -> Entry | None:
        return _entry(*self._find())

    def _file(self) -> tuple[Stream, Path, Entry]:
        stream, inside = self._find()
        entry = _entry(stream, inside)
        if entry is None:
            code = errno.EISDIR if self.is_dir() else errno.ENOENT
            raise OSError(code, os.strerror(code), str(self))
        return stream, self, entry


def mount(source: StreamSource) -> StreamedPath:
    """The folder of a source.

    Raises:
        WorkerError: INPUT_MISSING, STORE_*.
    """
    open_stream(source)
    return _mounted(source, "")


def for_library(path: Path) -> str | BinaryIO:
    """What a library opens that takes names of files, or open files."""
    return cast("BinaryIO", path.open("rb")) if isinstance(path, StreamedPath) else str(path)


@contextmanager
def on_disk(path: Path) -> Iterator[str]:
    """The name of a real file, for a library that takes nothing else; to be opened within."""
    with path.whole() if isinstance(path, StreamedPath) else contextlib.nullcontext(str(path)) as name:
        yield name


def announce(path: Path, start: int = 0, end: int | None = None) -> None:
    """Says that a part of a file will be read soon."""
    if isinstance(path, StreamedPath):
        path.announce(start, end)


def remember(path: Path, question: str, find: Callable[[], Json]) -> Json:
    """What is found out about a file by reading much of it: of a streamed one only once on this host.

    Args:
        question: with the same one the same is found.
    """
    return path.remember(question, find) if isinstance(path, StreamedPath) else find()


def _mounted(source: StreamSource, inside: str) -> StreamedPath:
    path = StreamedPath(source.name)
    _MOUNTED["/".join(path.parts)] = source
    return path / inside if inside else path


def _entry(stream: Stream, inside: str) -> Entry | None:
    above, _, name = inside.rpartition("/")
    return stream.folder(above).get(name) if name else None
