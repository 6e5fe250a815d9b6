"""Attempts as the launcher starts them: `python -m depthvla`, a process a rank, on data small enough to train in
seconds. `Attempt.next` is what the control plane does after a crash: the next fence, resuming from what was committed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pytest

from depthvla.data.lerobot_writer import LeRobotWriter
from depthvla.data.recording import Recording
from depthvla.data.scannet import write_scannet_frame, write_scannet_lists
from depthvla.data.truth import to_millimetres, write_truth
from depthvla.runtime.job import StoreAddress
from depthvla.runtime.store import open_store

WORKERS = Path(__file__).parents[3] / "worker-images"
PATIENCE = 600
"""Seconds; a loaded machine imports torch in forty."""

SIZE = 96
INTRINSICS = np.array([[80, 0, 47.5], [0, 80, 47.5], [0, 0, 1]], np.float32)


@dataclass
class Attempt:
    directory: Path
    job: dict[str, Any]
    address: StoreAddress | None = None
    """Where the test finds its store, if another way than it does."""
    environment: dict[str, str] = field(default_factory=dict)
    ranks: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def begin(self) -> Attempt:
        self.directory.mkdir(parents=True)
        (self.directory / "job.json").write_text(json.dumps(self.job))
        world, port = self.job["ranks"], free_port()
        STARTED.append(self)
        for rank in range(world):
            environment = os.environ | {
                "PYTHONPATH": str(WORKERS), "ORCHESTRATE_ATTEMPT_DIR": str(self.directory), "CUDA_VISIBLE_DEVICES": "",
                "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), "OMP_NUM_THREADS": "1",
                "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "PYTHONHASHSEED": "0",
                **self.environment,
            }  # fmt: skip
            with (self.directory / f"stderr.{rank}.log").open("wb") as log:
                command = [sys.executable, *self.job["command"][1:]]
                self.ranks.append(subprocess.Popen(command, env=environment, stderr=log, stdout=log, cwd=WORKERS))
        return self

    def wait(self) -> list[int]:
        """Exit codes of all ranks."""
        return [rank.wait(PATIENCE) for rank in self.ranks]

    def signal(self, number: int) -> None:
        for rank in self.ranks:
            rank.send_signal(number)

    def events(self, kind: str, rank: int = 0) -> list[dict[str, Any]]:
        path = self.directory / f"events.{rank}.jsonl"
        if not path.exists():
            return []
        # A killed process may leave half a line only if the disk is full; a reader still skips what isn't whole.
        whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [e for e in map(json.loads, whole) if e["type"] == kind]

    def until(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """Waits for so many events of a kind."""
        deadline = time.monotonic() + PATIENCE
        while len(found := self.events(kind)) < count:
            if all(rank.poll() is not None for rank in self.ranks) and len(self.events(kind)) < count:
                raise AssertionError(f"ended with {self.wait()} before {kind}:\n{self.stderr()}")
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return found

    def output(self, name: str) -> Path:
        return self.directory / "outputs" / name

    def stderr(self) -> str:
        return "".join((self.directory / f"stderr.{r}.log").read_text() for r in range(len(self.ranks)))

    @property
    def store(self) -> Path:
        return Path(self.job["store"]["url"].removeprefix("file://"))

    def manifests(self) -> list[str]:
        """Store keys of what this attempt has committed, newest first."""
        keys = [key for key in self.stored() if key.endswith("/manifest.json")]
        return sorted(keys, key=lambda key: int(key.split("/")[-2]), reverse=True)

    def stored(self) -> list[str]:
        """Store keys of all files of its checkpoints, committed or not."""
        address = self.address or StoreAddress(**self.job["store"])
        listed = obstore.list(open_store(address), f"{self.job['prefix']}/checkpoints")
        return [str(o["path"]) for page in listed for o in page]

    def next(self, resume: list[str], **changes: Any) -> Attempt:
        """The attempt after this one."""
        fence = self.job["fence"] + 1
        job = {**self.job, "fence": fence, "prefix": f"jobs/k/s0/{fence}", "resume": resume, **changes}
        return Attempt(self.directory.with_name(f"{self.directory.name}-{fence}"), job, self.address, self.environment)


STARTED: list[Attempt] = []
"""What a test has started, first attempts and next ones."""

Make = Callable[..., Attempt]


@pytest.fixture
def attempts(tmp_path: Path) -> Iterator[Make]:
    """Makes first attempts: `attempts("name", entry, config, inputs={...}, ranks=2, every=4)`, yet to be begun."""
    STARTED.clear()

    def make(
        name: str, entry: str, config: dict[str, Any], inputs: dict[str, Path], *,
        ranks: int = 1, every: int | None = None, final: bool = False, shard: int = 0, shards: int = 1,
    ) -> Attempt:  # fmt: skip
        job = {
            "protocol": 1, "attempt": f"a-{name}-1", "job": "k" * 64, "stage": name, "shard": shard, "shards": shards,
            "fence": 1, "command": ["python", "-m", "depthvla"], "code": str(WORKERS), "entry": entry, "config": config,
            "inputs": {k: {"path": str(v), "format": None, "digest": "0"} for k, v in inputs.items()},
            "outputs": [], "ranks": ranks, "cores": ranks, "gpus": [], "store": {"url": f"file://{tmp_path}/{name}.store"},
            "prefix": "jobs/k/s0/1", "resume": [], "checkpoint": {"every": every, "final": final}, "grace": 30,
            "time": None, "memory": None, "logBytes": 100_000, "secrets": None,
        }  # fmt: skip
        return Attempt(tmp_path / name, job)

    yield make
    for attempt in STARTED:
        for rank in attempt.ranks:
            rank.kill()
            rank.wait()


GATEWAY = Path(__file__).parents[3] / "infra" / "ceph-rgw"
TOOLS = ("ceph-mon", "ceph-osd", "radosgw", "ceph", "curl")


@dataclass(frozen=True)
class Gateway:
    """A real S3 server (Ceph's gateway), whose data lies in memory."""

    address: StoreAddress
    environment: dict[str, str]

    @property
    def port(self) -> int:
        return int(self.environment["S3_PORT"])

    def up(self) -> str:
        """Starts what doesn't run; returns the endpoint."""
        up = subprocess.run([GATEWAY / "up.sh"], env=self.environment, capture_output=True, text=True, check=True)
        return up.stdout.strip().splitlines()[-1]

    def kill(self) -> None:
        """Kills what answers; what it has stored stays."""
        pid = Path(self.environment["S3_DIR"], "run", "client.rgw.pid").read_text()
        os.kill(int(pid), signal.SIGKILL)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        packages = "ceph-mon ceph-osd radosgw ceph-common curl"
        why = f"{', '.join(missing)} missing: apt-get install --no-install-recommends {packages}"
        assert "CI" not in os.environ, why
        pytest.skip(why)
    port = free_ports()
    environment = os.environ | {
        "S3_DIR": str(tmp_path_factory.mktemp("ceph")), "S3_PORT": str(port), "S3_STORE": "memstore",
        "S3_GIB": "2", "S3_UNTIL_PID": str(os.getpid()),
    }  # fmt: skip
    made = Gateway(StoreAddress("s3://trial/some/prefix", f"http://127.0.0.1:{port}", "us-east-1"), environment)
    try:
        endpoint = made.up()
        sign = ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", "test:testtest"]
        # Without it the gateway refuses the signature of curl 7.88.
        sign += ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
        subprocess.run(["curl", "-sf", *sign, "-X", "PUT", f"{endpoint}/trial"], check=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", "test")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "testtest")
            yield made
    finally:
        subprocess.run([GATEWAY / "down.sh", "--wipe"], env=environment, check=False, capture_output=True)


@pytest.fixture
def s3(gateway: Gateway) -> StoreAddress:
    """Its store, for this test alone."""
    return replace(gateway.address, url=f"{gateway.address.url}/{uuid.uuid4()}")


def free_ports() -> int:
    """A port with one free above it, below those that the system gives to outgoing connections."""
    for port in range(20_000 + os.getpid() % 9_000, 31_000, 2):
        with socket.socket() as a, socket.socket() as b:
            if a.connect_ex(("127.0.0.1", port)) and b.connect_ex(("127.0.0.1", port + 1)):
                return port
    raise AssertionError("no free port")


@pytest.fixture(scope="session")
def demos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A few episodes of noise, and the depth of it."""
    return write_demos(tmp_path_factory.mktemp("demos"), 6)


@pytest.fixture(scope="session")
def many_demos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same, of enough episodes that labelling them can be interrupted."""
    return write_demos(tmp_path_factory.mktemp("many"), 24)


def write_demos(root: Path, episodes: int) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    writer = LeRobotWriter(root / "demos", 40, ["corner2"], "sawyer", [*"xyz", "grip"], [*"xyz", "grip"])
    depth = []
    for episode in range(episodes):
        images = rng.integers(0, 256, (9, SIZE, SIZE, 3), dtype=np.uint8)
        state = rng.normal(size=(9, 4)).astype(np.float32)
        sentence = ("open the drawer", "press the button")[episode % 2]
        writer.add(Recording(sentence, {"corner2": images}, state, np.tanh(state)))
        depth.append(images[..., 0] / 255 + 0.5)
    writer.close()
    millimetres = to_millimetres(np.concatenate(depth).astype(np.float32))
    write_truth(
        root / "depth", millimetres, intrinsics=INTRINSICS, camera_to_world=np.eye(4, dtype=np.float32),
        placement=np.arange(episodes),
    )  # fmt: skip
    return root / "demos", root / "depth"


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures whose depth can be read off their brightness, in ScanNet's layout."""
    root = tmp_path_factory.mktemp("scenes")
    rng = np.random.default_rng(1)
    for name in ("scene0000_00", "scene0001_00"):
        for number in range(12):
            shade = rng.integers(0, 256, (6, 6)).astype(np.uint8).repeat(16, 0).repeat(16, 1)
            depth = (shade / 255 + 0.5).astype(np.float32)
            image = np.stack((shade, shade, shade), axis=2)
            write_scannet_frame(root / "scannet" / name, number, image, depth, INTRINSICS, np.eye(4, dtype=np.float32))
    write_scannet_lists(root / "scannet", {"train": ["scene0000_00"], "heldout": ["scene0001_00"]})
    return root


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
