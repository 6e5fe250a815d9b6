"""Processes of an attempt that its ranks left behind, found by their session or by their environment."""

import os
import time

from launcher.quick import SIGKILL


def kill_strays(marks: list[str], sessions: set[int], spare: set[int]) -> None:
    """Kills until nothing is left, for at most 2 s: a process that hangs in the kernel can't be waited for.

    Args:
        marks: what the ranks were told in their environment, and their children inherit; all of it.
        sessions: those that only the ranks have.
        spare: pids to leave alone.
    """
    deadline = time.monotonic() + 2
    while pids := find_strays(marks, sessions, spare):
        for pid in pids:
            try:
                os.kill(pid, SIGKILL)
            except ProcessLookupError:
                pass
        if time.monotonic() > deadline:
            return
        time.sleep(0.002)  # a killed process takes a moment to go, and may have forked in the last one


def find_strays(marks: list[str], sessions: set[int], spare: set[int]) -> list[int]:
    """A child that called setsid is found by its environment, one that overwrote that by its session."""
    entries = [b"\0" + os.fsencode(mark) + b"\0" for mark in marks]
    return [
        int(name)
        for name in os.listdir("/proc")
        if name.isdigit() and int(name) not in spare and _belongs(name, sessions, entries)
    ]


def _belongs(name: str, sessions: set[int], entries: list[bytes]) -> bool:
    try:
        state, _parent, _group, its_session = read_file(f"/proc/{name}/stat").rpartition(b")")[2].split()[:4]
        if state in (b"Z", b"X"):
            return False
        if int(its_session) in sessions:
            return True
        environ = b"\0" + read_file(f"/proc/{name}/environ")
        return all(entry in environ for entry in entries)
    except (OSError, ValueError):  # gone meanwhile, or another user's
        return False


def read_file(path: str) -> bytes:
    """All of it, without the layers that ``open`` would load."""
    fd = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(fd, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)
