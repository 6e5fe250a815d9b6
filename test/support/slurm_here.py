"""A development cluster of Slurm for the tests of a module, and attempts that are submitted to it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "infra/slurm-dev"
LAUNCHER = ROOT / "worker-images/launcher/__main__.py"
PATIENCE = 240.0

Record = dict[str, object]


def why_no_slurm() -> str | None:
    """What is missing, in a sentence. Where CI is set, tests fail for it."""
    if os.environ.get("CI"):
        return None
    if os.getuid() != 0:
        return "needs root: the daemons of the development cluster were only tried as root"
    needed = ("/usr/bin/sbatch", "/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/sbin/munged")
    missing = [tool for tool in needed if not Path(tool).exists()]
    return f"{', '.join(missing)} missing" if missing else None


def until(true: Callable[[], bool], tell: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, tell()
        time.sleep(0.05)


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.attempts = folder / "attempts"
        self.attempts.mkdir()
        self.env = {**os.environ, "SLURM_CONF": str(folder / "etc/slurm.conf")}

    def run(self, *command: str, stdin: str = "") -> str:
        done = subprocess.run(command, env=self.env, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def end_all(self) -> None:
        """Ends all jobs, and returns when they have."""
        if jobs := self.run("squeue", "-h", "-o", "%A").split():
            self.run("scancel", *jobs)
        until(lambda: not self.run("squeue", "-h"), lambda: self.run("squeue"))

    def lose(self, node: str) -> None:
        self.run(str(TOOLS / "lose"), node, str(self.folder))

    def again(self) -> None:
        self.run(str(TOOLS / "up"), str(self.folder))


@contextmanager
def cluster(**settings: object) -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    told = {f"SLURM_DEV_{name.upper()}": str(value) for name, value in settings.items()}
    try:
        subprocess.run(
            [TOOLS / "up", folder],
            env={**os.environ, **told, "SLURM_DEV_UNTIL_PID": str(os.getpid())},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        yield Cluster(folder)
    finally:
        subprocess.run([TOOLS / "down", folder], check=True)
        shutil.rmtree(folder, ignore_errors=True)


class Attempt:
    """An attempt directory, and the job of Slurm's that is to run it: a line of shell on 2 nodes, 2 ranks each."""

    def __init__(self, cluster: Cluster, name: str, script: str, batch: Record | None = None, **job: object) -> None:
        self.cluster = cluster
        self.name = name
        self.directory = cluster.attempts / name
        self.directory.mkdir()
        self.job = {
            "protocol": 1,
            "attempt": name,
            "command": ["sh", "-c", script],
            "code": str(self.directory),
            "nodes": 2,
            "ranks": 4,
            "cores": 2,
            "gpus": [],
            "grace": 60,
            "time": None,
            "memory": None,
            "logBytes": 65536,
            **job,
        }
        self.batch: Record = {
            "protocol": 1,
            "launcher": [sys.executable, "-I", "-S", str(LAUNCHER)],
            "srun": [],
            "prefix": [],
            "gpus": 2,
            "preflight": {"kind": "nodes", "disk": 0, "skew": 5, "patience": 120},
            "silence": 60,
            **(batch or {}),
        }
        (self.directory / "job.json").write_text(json.dumps(self.job))
        (self.directory / "batch.json").write_text(json.dumps(self.batch))

    def submit(self, *options: str) -> str:
        """Returns the job's number."""
        script = f"#!/bin/sh\nexec {sys.executable} -I -S {LAUNCHER} batch {self.directory}\n"
        return self.cluster.run(
            "sbatch",
            "--parsable",
            "--export=ALL",
            f"--job-name={self.name}",
            f"--output={self.directory}/launcher.log",
            f"--nodes={self.job['nodes']}",
            "--ntasks-per-node=1",
            f"--cpus-per-task={self.job['cores']}",
            f"--gpus-per-node={self.batch['gpus']}",
            "--mem=100M",
            *options,
            stdin=script,
        )

    def until(self, true: Callable[[], bool]) -> None:
        until(true, self.tell)

    def until_up(self, ranks: int = 4) -> None:
        """Ranks say by a file that they have begun."""
        self.until(lambda: len(list(self.directory.glob("up.*"))) == ranks)

    def end(self) -> Record:
        self.until((self.directory / "exit.json").exists)
        record: Record = json.loads((self.directory / "exit.json").read_text())
        return record

    def tell(self) -> str:
        """What can be known of it when a test fails."""
        texts = [f"{path.name}: {path.read_text()}" for path in sorted(self.directory.iterdir()) if path.is_file()]
        return "\n".join([self.cluster.run("squeue"), *texts])


def ranks_of(record: Record) -> list[Record]:
    return cast(list[Record], record["ranks"])


def ends_of(record: Record) -> list[object]:
    """Exit code or signal, by rank."""
    return [rank["signal"] or rank["code"] for rank in ranks_of(record)]
