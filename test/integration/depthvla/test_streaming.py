"""Data sets read in place from a real S3 server (Ceph's gateway), through a cache that is smaller than they are."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pytest
from numpy.testing import assert_array_equal

from depthvla.data.datasets import open_dataset
from depthvla.data.lerobot import LeRobot
from depthvla.data.recording import Recording
from depthvla.data.rlds_writer import BRIDGE_FORMAT, write_rlds
from depthvla.runtime import store as store_of_a_worker
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import StoreAddress
from depthvla.runtime.store import open_store
from depthvla.streams.cache import BlockCache
from depthvla.streams.locks import locked
from depthvla.streams.path import StreamedPath, mount
from depthvla.streams.stream import StreamSource

from .test_faults import small_disk

Make = Callable[..., Any]
BLOCK = 30_000


def put(address: StoreAddress, folder: Path) -> None:
    store = open_store(address)
    for path in folder.rglob("*"):
        if path.is_file():
            obstore.put(store, str(path.relative_to(folder)), path.read_bytes())


def size_of(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def in_cache(cache: Path) -> int:
    with locked(cache / "used"):
        return size_of(cache / "blocks") + size_of(cache / "making")


def streamed(address: StoreAddress, cache: Path, limit: int) -> StreamedPath:
    return mount(StreamSource(address, None, None, cache, limit, BLOCK))


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, rng = tmp_path_factory.mktemp("bridge"), np.random.default_rng(0)

    def record(number: int) -> Recording:
        state, action = (rng.normal(size=(9, 7)).astype(np.float32) for _ in range(2))
        images = {"image_0": rng.integers(0, 256, (9, 96, 96, 3)).astype(np.uint8)}
        return Recording(f"task {number % 2}", images, state, action)

    write_rlds(root, "bridge", [record(i) for i in range(12)], BRIDGE_FORMAT, shards=3)
    return root / "bridge"


@pytest.mark.parametrize("kind", ["lerobot", "rlds"])
def test_demonstrations_from_s3_are_those_of_the_folder(
    kind: str, s3: StoreAddress, many_demos: tuple[Path, Path], bridge: Path, tmp_path: Path
) -> None:
    folder, cache = {"lerobot": many_demos[0], "rlds": bridge}[kind], tmp_path / "cache"
    put(s3, folder)
    limit = size_of(folder) // 2
    here, there = open_dataset(folder), open_dataset(streamed(s3, cache, limit))
    assert_array_equal(here.lengths, there.lengths)
    for index in range(len(here.lengths)):
        one, other = here.read(index), there.read(index)
        assert_array_equal(one.action, other.action)
        for camera, pictures in one.cameras.items():
            assert_array_equal(pictures.all(), other.cameras[camera].all())
            assert in_cache(cache) <= limit


def test_training_on_streamed_scenes_ends_with_the_same_bits_and_tells_what_it_fetched(
    s3: StoreAddress, attempts: Make, scenes: Path, tmp_path: Path
) -> None:
    """Two ranks share a cache that holds a part of the scenes."""
    put(s3, scenes)
    config = {"steps": 8, "batch_size": 4, "warmup": 2}
    local = attempts("local", "depth_pretrain", config, {"scenes": scenes}, ranks=2).begin()
    other = attempts("streamed", "depth_pretrain", config, {}, ranks=2)
    other.job["inputs"] = {"scenes": {"store": asdict(s3), "artifact": None, "format": None, "digest": "0"}}
    other.job["cache"] = {"path": str(tmp_path / "cache"), "bytes": size_of(scenes) // 2}
    other.begin()
    assert local.wait() == [0, 0], local.stderr()
    assert other.wait() == [0, 0], other.stderr()
    for name in ("model.safetensors",):
        assert (local.output("model") / name).read_bytes() == (other.output("model") / name).read_bytes()
    assert 0 < in_cache(tmp_path / "cache") <= size_of(scenes) // 2
    assert "streamed: " in other.stderr()


def test_a_store_that_is_away_is_waited_for_and_then_blocks_the_attempt_instead_of_breaking_data(
    gateway: Any, s3: StoreAddress, many_demos: tuple[Path, Path], attempts: Make, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    put(s3, many_demos[0])
    dataset = LeRobot(streamed(s3, tmp_path / "cache", 10**7))
    dataset.read(0)
    (tmp_path / "cache" / "blocks").rename(tmp_path / "gone")
    (tmp_path / "cache" / "blocks").mkdir()
    gateway.kill()
    back = threading.Timer(2, gateway.up)
    back.start()
    begun = time.monotonic()
    try:
        episode = dataset.read(5)
        assert time.monotonic() - begun > 1.5
        assert_array_equal(episode.action, LeRobot(many_demos[0]).read(5).action)
    finally:
        back.join()

    monkeypatch.setattr(store_of_a_worker, "PATIENCE_S", 0.5)
    nowhere = StoreAddress("s3://trial/some/prefix", "http://127.0.0.1:1", "us-east-1")
    with pytest.raises(WorkerError) as caught:
        LeRobot(streamed(nowhere, tmp_path / "cache", 10**7))
    assert (caught.value.code, caught.value.exit_code) == ("STORE_UNREACHABLE", 75)

    attempt = attempts("away", "compute_statistics", {}, {})
    attempt.job["inputs"] = {"demos": {"store": asdict(nowhere), "artifact": None, "format": None, "digest": "0"}}
    attempt.job["cache"] = {"path": str(tmp_path / "cache"), "bytes": 10**7}
    attempt.environment = {"ORCHESTRATE_STORE_PATIENCE": "0.5"}
    assert attempt.begin().wait() == [75], attempt.stderr()
    assert [e["code"] for e in attempt.events("failed")] == ["STORE_UNREACHABLE"]


def test_a_disk_smaller_than_the_bound_is_filled_only_as_far_as_it_goes(tmp_path: Path) -> None:
    size = 100_000
    with small_disk("4m") as disk:
        cache = BlockCache(disk / "cache", 10**9)
        (disk / "others").write_bytes(bytes(2_000_000))
        for number in range(60):
            fd = cache.open(f"{number:064x}", size, lambda n=number: iter([bytes([n]) * size]))  # type: ignore[misc]
            assert os.pread(fd, size + 1, 0) == bytes([number]) * size
            os.close(fd)
            if number == 30:
                before = in_cache(disk / "cache")
                assert 1_000_000 < before < 2_000_000
                with (disk / "more").open("wb", buffering=0) as file, suppress(OSError):
                    while file.write(bytes(4096)):
                        pass
        assert 0 < in_cache(disk / "cache") < before
        assert shutil.disk_usage(disk).free > 100_000
