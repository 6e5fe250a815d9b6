"""A store that is killed, slow, cut off or full, and disks that are full, while a training of two ranks saves, commits
and resumes: no checkpoint is torn, the training ends with the bits of one that nothing happened to, and it is said."""

from __future__ import annotations

import json
import posixpath
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import obstore
import pytest

from depthvla.runtime.events import Events
from depthvla.runtime.job import StoreAddress
from depthvla.runtime.store import FileEntry, download, open_store, read

from .shaky_network import Harm, Rule, ShakyNetwork

Make = Callable[..., Any]
STEPS, EVERY = 400, 5
PATIENCE = "3"
"""Seconds; the default would make each fault cost a minute."""


class Gate:
    """How far the training may go."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open_to(0)

    def open_to(self, step: int) -> None:
        self.at = step
        temporary = self.path.with_suffix(".new")
        temporary.write_text(str(step))
        temporary.replace(self.path)

    def to_next_save(self) -> None:
        self.open_to(self.at // EVERY * EVERY + EVERY)

    def walk(self, attempt: Any, kind: str, count: int) -> None:
        """Lets the training go on, slowly, until it has said so many things of a kind."""
        deadline = time.monotonic() + 300
        while len(attempt.events(kind)) < count:
            assert time.monotonic() < deadline
            assert all(rank.poll() is None for rank in attempt.ranks), attempt.stderr()
            assert self.at < STEPS - EVERY
            self.open_to(self.at + 1)
            time.sleep(0.2)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture
def train(attempts: Make, gate: Gate, tmp_path: Path) -> Make:
    """Makes attempts at the gated training."""

    def make(name: str) -> Any:
        attempt = attempts(name, "gated", {"steps": STEPS}, {}, ranks=2, every=EVERY)
        attempt.job["command"] = ["python", str(Path(__file__).with_name("gated_training.py"))]
        attempt.environment = {"GATE": str(gate.path), "ORCHESTRATE_STORE_PATIENCE": PATIENCE}
        return attempt

    return make


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, bytes]:
    """The weights that the training ends with, once a test has made them."""
    return {}


def weights_of_a_twin(train: Make, gate: Gate, undisturbed: dict[str, bytes]) -> bytes:
    if "weights" not in undisturbed:
        gate.open_to(STEPS)
        twin = train("twin").begin()
        assert twin.wait() == [0, 0], twin.stderr()
        assert twin.events("warning") == []
        undisturbed["weights"] = (twin.output("model") / "weights").read_bytes()
    return undisturbed["weights"]


def no_manifest_is_torn(attempt: Any, tmp_path: Path) -> None:
    """Every manifest names files that are there, with the size and the SHA-256 that it says."""
    store = open_store(attempt.address or StoreAddress(**attempt.job["store"]))
    assert attempt.manifests()
    for key in attempt.manifests():
        for entry in json.loads(read(store, key))["files"]:
            download(store, f"{posixpath.dirname(key)}/{entry['path']}", tmp_path / "verified", FileEntry(**entry))


def messages(attempt: Any) -> list[str]:
    return [e["message"] for e in attempt.events("warning")]


def only(*parts: str, harm: Harm) -> Rule:
    """Harms requests that have all these parts."""
    return lambda request: harm if all(part in request for part in parts) else "pass"


def from_the_first(*parts: str, harm: Harm) -> Rule:
    """Harms all requests from the first that has all these parts."""
    begun: list[str] = []

    def rule(request: str) -> Harm:
        if all(part in request for part in parts):
            begun.append(request)
        return harm if begun else "pass"

    return rule


def only_once(*parts: str, harm: Harm, otherwise: Harm = "pass", also: Callable[[], object] = bool) -> Rule:
    """Harms the first request that has all these parts."""
    met: list[str] = []

    def rule(request: str) -> Harm:
        if met or not all(part in request for part in parts):
            return otherwise
        met.append(request)
        also()
        return harm

    return rule


def test_a_training_survives_its_store(
    gateway: Any, s3: StoreAddress, train: Make, gate: Gate, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    expected = weights_of_a_twin(train, gate, undisturbed)
    network = ShakyNetwork(gateway.port)
    gate.open_to(0)
    attempt = train("disturbed")
    attempt.address = s3
    attempt.job["grace"] = 2
    endpoint = f"http://127.0.0.1:{network.port}"
    attempt.job["store"] = {"url": s3.url, "endpoint": endpoint, "region": "us-east-1"}
    attempt.begin()
    gate.to_next_save()
    attempt.until("checkpoint")
    assert messages(attempt) == []

    faults: list[tuple[Rule, Callable[[], object]]] = [
        # Cut off between the uploads and the manifest; silent towards one rank; killed in the middle of a save.
        (from_the_first("manifest.json", harm="cut"), bool),
        (only("PUT", "rank.1.json", harm="stall"), bool),
        (only_once("PUT", ".distcp", harm="cut", also=gateway.kill), gateway.up),
    ]
    for rule, mend in faults:
        failed, saved = len(messages(attempt)), attempt.events("checkpoint")
        with network.when(rule):
            gate.to_next_save()
            attempt.until("warning", failed + 1)
        assert "saving fails since step" in messages(attempt)[-1]
        assert "STORE_UNREACHABLE" in messages(attempt)[-1]
        mend()
        assert attempt.manifests()[0] == saved[-1]["manifest"]
        gate.walk(attempt, "checkpoint", len(saved) + 1)
        attempt.until("warning", failed + 2)
        assert "saving works again" in messages(attempt)[-1]

    # A commit whose answer is lost is met again by its own retry; a slow store is only slow.
    for rule in (only_once("manifest.json", harm="lose the answer"), only("/", harm="slow")):
        saved = attempt.events("checkpoint")
        with network.when(rule):
            gate.to_next_save()
            attempt.until("checkpoint", len(saved) + 1)
        assert len(messages(attempt)) == 2 * len(faults)

    # Asked to stop while the store is silent: out before the kill, nothing torn, nothing claimed.
    before = attempt.manifests()
    with network.when(only("/", harm="stall")):
        attempt.signal(signal.SIGTERM)
        gate.open_to(gate.at + 1)
        assert attempt.wait() == [75, 75], attempt.stderr()
    assert "left without waiting" in messages(attempt)[-1]
    assert attempt.manifests() == before
    no_manifest_is_torn(attempt, tmp_path)

    # A resume finds no store: it doesn't begin from nothing, it ends with the cause.
    gate.open_to(STEPS)
    with network.when(only("/", harm="cut")):
        away = attempt.next(before).begin()
        assert away.wait() == [75, 75], away.stderr()
    assert {e["code"] for rank in (0, 1) for e in away.events("failed", rank)} == {"STORE_UNREACHABLE"}
    assert away.events("progress") == []
    assert away.manifests() == []

    # Another finds it slow, an answer broken off, and its newest checkpoint damaged.
    store = open_store(s3)
    part = next(key for key in attempt.stored() if key.startswith(posixpath.dirname(before[0])) and ".distcp" in key)
    body = bytearray(read(store, part))
    body[len(body) // 2] ^= 1
    obstore.put(store, part, bytes(body))
    with network.when(only_once("GET", ".distcp", harm="break the answer off", otherwise="slow")):
        last = away.next(before).begin()
        last.until("progress")
    assert last.wait() == [0, 0], last.stderr()
    assert len(messages(last)) == 1
    assert before[0] in messages(last)[0]
    assert "SHA-256" in messages(last)[0]
    assert json.loads(read(store, last.manifests()[-1]))["parent"] == before[1]
    no_manifest_is_torn(last, tmp_path)
    assert (last.output("model") / "weights").read_bytes() == expected
    network.close()


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False, capture_output=True
    )
    if made.returncode != 0:
        folder.rmdir()
        pytest.skip("needs root who may mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def fill(disk: Path, leave: int) -> Path:
    """Takes all room but so many bytes."""
    filler = disk / "filler"
    filler.write_bytes(bytes(max(0, shutil.disk_usage(disk).free - leave)))
    return filler


def test_a_training_survives_full_disks(train: Make, gate: Gate, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    expected = weights_of_a_twin(train, gate, undisturbed)
    gate.open_to(0)
    with small_disk("8m") as own, small_disk("16m") as stored:
        attempt = train("full")
        attempt.directory = own / "attempt"
        attempt.job["store"] = {"url": f"file://{stored}/store"}
        attempt.begin()
        gate.to_next_save()
        attempt.until("checkpoint")
        for disk, code in ((own, "DISK_FULL"), (stored, "STORE_FULL")):
            failed, saved, kept = len(messages(attempt)), attempt.events("checkpoint"), attempt.stored()
            # Enough for a few words, too little for a part of a checkpoint.
            filler = fill(disk, leave=64 << 10)
            gate.to_next_save()
            attempt.until("warning", failed + 1)
            assert code in messages(attempt)[-1]
            assert list(own.glob("attempt/scratch/saving.*/*")) == []
            assert set(attempt.stored()) == set(kept), messages(attempt)
            filler.unlink()
            gate.walk(attempt, "checkpoint", len(saved) + 1)
            attempt.until("warning", failed + 2)
            assert "saving works again" in messages(attempt)[-1]
        gate.open_to(STEPS)
        assert attempt.wait() == [0, 0], attempt.stderr()
        no_manifest_is_torn(attempt, tmp_path)
        assert (attempt.output("model") / "weights").read_bytes() == expected


def test_on_a_full_disk_events_are_lost_but_warnings_come_later_and_how_it_ended_gets_through(tmp_path: Path) -> None:
    with small_disk("256k") as disk:
        events = Events(disk / "e", 0)
        events.progress(1, 10, "steps")
        filler = fill(disk, leave=0)
        while (size := (disk / "e").stat().st_size) % 4096:  # what is left of its last page
            events.progress(2, 10, "steps")
        events.warning("odd")
        assert (disk / "e").stat().st_size == size
        events.done({"x": 1})  # fits into what was set aside
        assert not (disk / "reserve.0").exists()
        filler.unlink()
        events.progress(3, 10, "steps")
        whole = []
        for line in (disk / "e").read_text().splitlines():
            with suppress(ValueError):
                whole.append(json.loads(line))
    assert [e["type"] for e in whole][-4:] == ["done", "progress", "warning", "warning"]
    assert [e["message"] for e in whole[-2:]] == [
        "odd", "1 events (progress, metrics) were lost: the disk of the attempt directory was full"
    ]  # fmt: skip
