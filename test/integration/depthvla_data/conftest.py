"""Attempts as the launcher would start them: a directory, a process, events and an exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from depthvla.evaluation.gl import choose_gl

# Before a test imports mujoco, which would otherwise look for a display.
choose_gl()

WORKERS = Path(__file__).parents[3] / "worker-images"


@dataclass(frozen=True)
class Attempt:
    """An attempt's directory, and the process that works in it."""

    directory: Path
    process: subprocess.Popen[bytes]

    def wait(self) -> int:
        return self.process.wait(timeout=600)

    def events(self, kind: str) -> list[dict[str, Any]]:
        path = self.directory / "events.0.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [event for event in map(json.loads, lines) if event["type"] == kind]

    def output(self, name: str) -> Path:
        return self.directory / "outputs" / name

    def until(self, kind: str) -> dict[str, Any]:
        """Waits for the first event of a kind."""
        deadline = time.monotonic() + 600
        while not (found := self.events(kind)):
            assert self.process.poll() is None, self.stderr()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return found[0]

    def stderr(self) -> str:
        return (self.directory / "stderr.0.log").read_text()


Start = Callable[..., Attempt]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a stage: `start("name", entry, config, inputs={...}, cores=2)`; `path` has further modules."""

    def begin(
        name: str, entry: str, config: dict[str, Any], *, inputs: dict[str, Path] | None = None, cores: int = 2,
        fence: int = 1, resume: Sequence[str] = (), path: Sequence[Path] = (),
    ) -> Attempt:  # fmt: skip
        directory = tmp_path / name
        directory.mkdir()
        job = {
            "protocol": 1, "attempt": f"a-{name}-1", "job": "0" * 64, "stage": name, "shard": 0, "shards": 1,
            "fence": fence, "command": ["python", "-m", "depthvla"], "code": str(WORKERS),
            "entry": entry, "config": config,
            "inputs": {k: {"path": str(v), "format": None, "digest": "0"} for k, v in (inputs or {}).items()},
            "outputs": [], "ranks": 1, "cores": cores, "gpus": [], "store": {"url": f"file://{tmp_path}/store"},
            "prefix": f"jobs/{name}", "resume": list(resume), "checkpoint": {"every": None}, "grace": 30, "time": None,
            "memory": None, "logBytes": 100_000, "secrets": None,
        }  # fmt: skip
        (directory / "job.json").write_text(json.dumps(job))
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, (WORKERS, *path))), "ORCHESTRATE_ATTEMPT_DIR": str(directory),
            "RANK": "0", "WORLD_SIZE": "1",
            "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0",
        }  # fmt: skip
        with (directory / "stderr.0.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "depthvla"], env=environment, stderr=log, cwd=WORKERS)
        return Attempt(directory, process)

    return begin
