"""The cache of streamed inputs: whole blocks only, within its bound, shared, and never taken from who reads."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from depthvla.streams.cache import BlockCache
from depthvla.streams.locks import locked

SIZE = 1000


def name_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def content(number: int) -> bytes:
    return bytes([number % 256]) * SIZE


def read(cache: BlockCache, number: int, fetch: Callable[[], Iterator[bytes]] | None = None) -> bytes:
    fd = cache.open(name_of(number), SIZE, fetch or (lambda: iter([content(number)])))
    try:
        return os.pread(fd, SIZE + 1, 0)
    finally:
        os.close(fd)


def held(folder: Path) -> int:
    with locked(folder / "used"):
        return sum(f.stat().st_size for kind in ("blocks", "making") for f in (folder / kind).rglob("*") if f.is_file())


def no_more() -> Iterator[bytes]:
    raise AssertionError("it was there")


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = BlockCache(tmp_path, 4 * SIZE)
    for number in (0, 1, 2, 3, 0):
        read(cache, number)
        time.sleep(0.01)  # a file system's clock may tick slowly
    read(cache, 4)
    assert cache.has(name_of(0))
    assert not cache.has(name_of(1))
    assert cache.has(name_of(4))
    assert read(cache, 0, no_more) == content(0)
    assert held(tmp_path) <= 4 * SIZE


def test_what_is_open_stays_and_what_finds_no_room_is_read_all_the_same(tmp_path: Path) -> None:
    cache = BlockCache(tmp_path, 3 * SIZE)
    fds = [cache.open(name_of(n), SIZE, lambda n=n: iter([content(n)])) for n in range(3)]  # type: ignore[misc]
    for number in range(3, 9):
        assert read(cache, number) == content(number)
        assert held(tmp_path) == 3 * SIZE
    for number, fd in enumerate(fds):
        assert os.pread(fd, SIZE, 0) == content(number)
        assert read(cache, number, no_more) == content(number)
        os.close(fd)
    read(cache, 9)
    assert cache.has(name_of(9))
    assert held(tmp_path) <= 3 * SIZE


def test_a_fetch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    cache = BlockCache(tmp_path, 3 * SIZE)

    def cut() -> Iterator[bytes]:
        yield content(0)[:500]
        raise ConnectionError

    for _ in range(5):
        with pytest.raises(ConnectionError):
            read(cache, 0, cut)
    assert held(tmp_path) == 0
    assert read(cache, 0) == content(0)


def script(body: str, folder: Path) -> subprocess.Popen[str]:
    """Runs Python with `cache`, `content` and `name_of` at hand."""
    head = f"""
import hashlib, os, sys, time
from pathlib import Path
from depthvla.streams.cache import BlockCache
folder = Path({str(folder)!r})
cache = BlockCache(folder, 8 * {SIZE})
content = lambda n: bytes([n % 256]) * {SIZE}
name_of = lambda n: hashlib.sha256(str(n).encode()).hexdigest()
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", head + body], env=environment, stdout=subprocess.PIPE, text=True)


def test_who_is_killed_in_the_middle_of_a_fetch_leaves_no_half_block(tmp_path: Path) -> None:
    killed = script(
        r"""
def half():
    yield content(7)[:500]
    print("half", flush=True)
    time.sleep(600)
cache.open(name_of(7), 1000, half)
""",
        tmp_path,
    )
    assert killed.stdout is not None
    assert killed.stdout.readline() == "half\n"
    assert held(tmp_path) == SIZE  # counted before it is written
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    cache = BlockCache(tmp_path, 8 * SIZE)
    assert not cache.has(name_of(7))
    for number in range(20, 40):
        read(cache, number)
        assert held(tmp_path) <= 8 * SIZE
    assert list((tmp_path / "making").iterdir()) == []
    assert read(cache, 7) == content(7)
    assert read(cache, 7, no_more) == content(7)


def test_processes_share_what_one_of_them_fetches_and_the_bound(tmp_path: Path) -> None:
    """The same blocks are wanted by all at the same time, then more than fit, by each in another order."""
    body = r"""
def fetch(n):
    with open(folder / "fetched", "a") as f: f.write(f"{n}\n")
    time.sleep(0.02)
    yield content(n)
print("ready", flush=True)
while not (folder / "go").exists(): time.sleep(0.001)
for n in [0, 1, 2, 3, 4, 5] * 2 + [6 + (n + START) % 24 for n in range(24)]:
    fd = cache.open(name_of(n), 1000, lambda: fetch(n))
    assert os.pread(fd, 1001, 0) == content(n), n
    os.close(fd)
"""
    readers = [script(f"START = {8 * number}{body}", tmp_path) for number in range(3)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    (tmp_path / "go").touch()
    while any(reader.poll() is None for reader in readers):
        assert held(tmp_path) <= 8 * SIZE
        time.sleep(0.005)
    assert [reader.returncode for reader in readers] == [0, 0, 0]
    fetched = [int(line) for line in (tmp_path / "fetched").read_text().split()]
    assert sorted(n for n in fetched if n < 6) == [0, 1, 2, 3, 4, 5]
    assert set(fetched) == set(range(30))
