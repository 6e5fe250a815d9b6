"""A log file that keeps its first and its last part, however much is written to it."""

import os


class BoundedLog:
    """Appends at once. When ``limit`` bytes are reached, the middle is dropped, and a line in its place says how much.

    The file is replaced by a shorter one, not cut: who reads it sees the old one or the new one, whole.
    """

    def __init__(self, path: str, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._head = limit // 2
        self._tail_at = 0  # where the tail starts, after head and mark; 0 as long as nothing was dropped
        self._dropped = 0
        self._fd = _create(path)
        self._size = 0

    def write(self, data: bytes) -> None:
        """Never raises: a full disk costs output, not the attempt. What can't be written counts as dropped."""
        try:
            if self._size + len(data) <= self._limit:
                self._append(data)
                return
            fill = max(0, self._head - self._size)
            self._append(data[:fill])
            self._drop_middle(data[fill:])
        except OSError:
            self._dropped += len(data)

    def close(self) -> None:
        os.close(self._fd)

    def _append(self, data: bytes) -> None:
        while data:
            written = os.write(self._fd, data)
            self._size += written
            data = data[written:]

    def _drop_middle(self, data: bytes) -> None:
        if not self._tail_at:
            start = os.pread(self._fd, self._head, 0)
            self._head = start.rfind(b"\n", len(start) // 2) + 1 or len(start)
            self._tail_at = self._head
        tail = os.pread(self._fd, self._size - self._tail_at, self._tail_at) + data
        keep = self._limit // 4
        kept = tail[-keep:]
        line = kept.find(b"\n", 0, keep // 2)
        kept = kept[line + 1 :]
        self._dropped += len(tail) - len(kept)
        mark = f"[… {self._dropped:,} bytes dropped here: the log keeps {self._limit:,} …]\n".encode()
        head = os.pread(self._fd, self._head, 0)
        if not head.endswith(b"\n"):
            mark = b"\n" + mark
        temporary = f"{self._path}.tmp"
        fd = _create(temporary)
        try:
            rest = head + mark + kept
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.replace(temporary, self._path)
        except OSError:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd, self._tail_at = fd, len(head) + len(mark)
        self._size = self._tail_at + len(kept)


def _create(path: str) -> int:
    return os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_APPEND, 0o644)
