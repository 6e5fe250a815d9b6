"""Commits on a real S3 server (Ceph's gateway): what a folder does, it does too."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest

from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import StoreAddress
from depthvla.runtime.store import FileEntry, create, describe_file, download, open_store, upload

GATEWAY = Path(__file__).parents[3] / "infra" / "ceph-rgw"
TOOLS = ("ceph-mon", "ceph-osd", "radosgw", "ceph", "curl")
Make = Callable[..., Any]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreAddress]:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        packages = "ceph-mon ceph-osd radosgw ceph-common curl"
        why = f"{', '.join(missing)} missing: apt-get install --no-install-recommends {packages}"
        assert "CI" not in os.environ, why
        pytest.skip(why)
    environment = os.environ | {
        "S3_DIR": str(tmp_path_factory.mktemp("ceph")), "S3_PORT": str(free_ports()), "S3_STORE": "memstore",
        "S3_GIB": "2", "S3_UNTIL_PID": str(os.getpid()),
    }  # fmt: skip
    try:
        up = subprocess.run([GATEWAY / "up.sh"], env=environment, capture_output=True, text=True, check=True)
        endpoint = up.stdout.strip().splitlines()[-1]
        sign = ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", "test:testtest"]
        # Without it the gateway refuses the signature of curl 7.88.
        sign += ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
        subprocess.run(["curl", "-sf", *sign, "-X", "PUT", f"{endpoint}/trial"], check=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", "test")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "testtest")
            yield StoreAddress("s3://trial/some/prefix", endpoint, "us-east-1")
    finally:
        subprocess.run([GATEWAY / "down.sh", "--wipe"], env=environment, check=False, capture_output=True)


def free_ports() -> int:
    """A port with one free above it, below those that the system gives to outgoing connections."""
    for port in range(20_000 + os.getpid() % 9_000, 31_000, 2):
        with socket.socket() as a, socket.socket() as b:
            if a.connect_ex(("127.0.0.1", port)) and b.connect_ex(("127.0.0.1", port + 1)):
                return port
    raise AssertionError("no free port")


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
    store = open_store(s3)
    keys = [str(o["path"]) for page in obstore.list(store, f"{first.job['prefix']}/checkpoints") for o in page]
    manifests = sorted((k for k in keys if k.endswith("manifest.json")), key=lambda k: -int(k.split("/")[-2]))
    assert json.loads(bytes(obstore.get(store, manifests[0]).bytes()))["world"] == 2
    second = first.next(manifests).begin()
    assert second.wait() == [0, 0], second.stderr()
    assert second.events("warning") == []
    ends = [a.output("model") / "model.safetensors" for a in (twin, second)]
    assert ends[0].read_bytes() == ends[1].read_bytes()
