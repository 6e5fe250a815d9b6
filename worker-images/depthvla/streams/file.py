"""A streamed file, opened."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from depthvla.streams.listing import Entry
from depthvla.streams.stream import Stream

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class StreamedFile(io.RawIOBase):
    """Reads from blocks, of which it holds one. A read gives all it was asked for, except at the end of the file."""

    def __init__(self, stream: Stream, path: Path, entry: Entry) -> None:
        self._stream, self._path, self._entry = stream, path, entry
        self._at = 0
        self._number, self._fd = -1, -1

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._entry.size}[whence]
        if start + offset < 0:
            raise ValueError(f"a place before the start of {self._path}")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        size = self._stream.source.block
        wanted = max(0, min(len(view), self._entry.size - self._at))
        first, last = self._at // size, (self._at + wanted - 1) // size
        if last > first:
            self._stream.announce(self._path, self._entry, range(first + 1, last + 1))
        done = 0
        while done < wanted:
            number, within = divmod(self._at, size)
            self._hold(number)
            got = os.preadv(self._fd, [view[done : min(wanted, done + size - within)]], within)
            if got == 0:
                raise OSError(f"block {number} of {self._path} ends early")
            done += got
            self._at += got
        return done

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        super().close()

    def _hold(self, number: int) -> None:
        if number == self._number:
            return
        fd = self._stream.open(self._path, self._entry, number)
        if self._fd >= 0:
            os.close(self._fd)
        self._number, self._fd = number, fd
