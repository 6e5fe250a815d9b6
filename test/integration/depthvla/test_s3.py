"""Commits on a real S3 server (Ceph's gateway): what a folder does, it does too."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import obstore
import pytest

from depthvla.runtime import store as store_of_a_worker
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import StoreAddress
from depthvla.runtime.store import FileEntry, copy, create, describe_file, download, open_store, read, upload

Make = Callable[..., Any]


def test_files_go_in_and_come_out_verified_large_ones_in_parts(s3: StoreAddress, tmp_path: Path) -> None:
    store = open_store(s3)
    for name, size in (("empty", 0), ("small", 10), ("large", 23_000_000)):
        (tmp_path / name).write_bytes(os.urandom(size))
        entry = describe_file(tmp_path / name, name)
        upload(store, f"a/{name}", tmp_path / name)
        download(store, f"a/{name}", tmp_path / "out", entry)
        assert (tmp_path / "out").read_bytes() == (tmp_path / name).read_bytes()
    with pytest.raises(WorkerError, match="SHA-256"):
        download(store, "a/small", tmp_path / "out", FileEntry("small", 10, "0" * 64))
    with pytest.raises(WorkerError, match="is missing"):
        download(store, "a/none", tmp_path / "out", entry)


def test_only_the_first_conditional_write_wins_and_ones_own_retry_is_no_conflict(s3: StoreAddress) -> None:
    store = open_store(s3)
    create(store, "b/manifest.json", b"mine")
    create(store, "b/manifest.json", b"mine")
    with pytest.raises(WorkerError, match="another attempt"):
        create(store, "b/manifest.json", b"theirs")
    assert bytes(obstore.get(store, "b/manifest.json").bytes()) == b"mine"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"url": "s3://no-such-bucket/x"}, "STORE_DENIED"),
        ({"endpoint": "http://127.0.0.1:1"}, "STORE_UNREACHABLE"),
        ({"secret": "wrong"}, "STORE_DENIED"),
    ],
)
def test_what_is_wrong_with_a_store_is_named_and_is_no_missing_checkpoint(
    s3: StoreAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], code: str
) -> None:
    monkeypatch.setattr(store_of_a_worker, "PATIENCE_S", 0.5)
    if "secret" in change:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", change.pop("secret"))
    store = open_store(replace(s3, **change))
    (tmp_path / "file").write_text("x")
    entry = describe_file(tmp_path / "file", "file")
    calls: list[Callable[[], object]] = [
        lambda: read(store, "a"),
        lambda: create(store, "a", b""),
        lambda: copy(store, "a", "b"),
        lambda: upload(store, "a", tmp_path / "file"),
        lambda: download(store, "a", tmp_path / "out", entry),
    ]
    for call in calls:
        with pytest.raises(WorkerError) as caught:
            call()
        assert (caught.value.code, caught.value.exit_code) == (code, 75)
        assert "Debug source" not in caught.value.message


def test_a_killed_run_resumes_from_s3_bit_for_bit(s3: StoreAddress, attempts: Make, scenes: Path) -> None:
    config = {"steps": 60, "batch_size": 4, "warmup": 2}
    twin = attempts("twin", "depth_pretrain", config, {"scenes": scenes}, ranks=2).begin()
    assert twin.wait() == [0, 0], twin.stderr()
    first = attempts("killed", "depth_pretrain", config, {"scenes": scenes}, ranks=2, every=5)
    first.job["store"] = {"url": s3.url, "endpoint": s3.endpoint, "region": s3.region}
    first.begin()
    first.until("checkpoint", 2)
    first.signal(signal.SIGKILL)
    first.wait()
    manifests = first.manifests()
    assert json.loads(read(open_store(s3), manifests[0]))["world"] == 2
    second = first.next(manifests).begin()
    assert second.wait() == [0, 0], second.stderr()
    assert second.events("warning") == []
    ends = [a.output("model") / "model.safetensors" for a in (twin, second)]
    assert ends[0].read_bytes() == ends[1].read_bytes()
