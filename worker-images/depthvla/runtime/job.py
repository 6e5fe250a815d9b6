"""`job.json`: all that an attempt is told. The other side of `orchestrator/protocol/job-file.ts`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from depthvla.runtime.config import Json
from depthvla.runtime.events import Events
from depthvla.runtime.failure import NO_INPUT, USAGE, WorkerError


@dataclass(frozen=True)
class Input:
    """An input, staged on this host; read-only."""

    path: Path
    format: str | None
    digest: str


@dataclass(frozen=True)
class StoreAddress:
    """`file:///folder` or `s3://bucket/prefix`; credentials come from the environment."""

    url: str
    endpoint: str | None = None
    region: str | None = None


@dataclass(frozen=True)
class CheckpointPolicy:
    every: int | None


@dataclass(frozen=True)
class Job:
    """One attempt at a job, as one rank sees it."""

    directory: Path
    attempt: str
    job: str
    stage: str
    entry: str
    shard: int
    shards: int
    fence: int
    config: Mapping[str, Json]
    inputs: Mapping[str, Input]
    outputs: tuple[str, ...]
    ranks: int
    cores: int
    gpus: tuple[str, ...]
    store: StoreAddress
    prefix: str
    resume: tuple[str, ...]
    checkpoint: CheckpointPolicy
    rank: int
    local_rank: int
    world: int
    events: Events = field(repr=False, compare=False)

    @property
    def threads(self) -> int:
        """CPU threads of this rank: the attempt's cores are shared out, never oversubscribed."""
        return max(1, self.cores // self.ranks)

    def has(self, name: str) -> bool:
        return name in self.inputs

    def input(self, name: str) -> Path:
        """The folder of an input.

        Raises:
            WorkerError: INPUT_MISSING when the pipeline binds nothing to it, or its folder is gone.
        """
        if name not in self.inputs:
            raise WorkerError("INPUT_MISSING", f"stage {self.stage} needs the input `{name}`", exit_code=NO_INPUT)
        path = self.inputs[name].path
        if not path.exists():
            raise WorkerError("INPUT_MISSING", f"input `{name}`: {path} does not exist", exit_code=NO_INPUT)
        return path

    def output(self, name: str) -> Path:
        """The folder of an output, made if need be; collected after exit 0."""
        path = self.directory / "outputs" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def sample_path(self, name: str) -> Path:
        """Where to write a sample file; `events.sample` is told `samples/<name>`."""
        path = self.directory / "samples" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def read_job(directory: Path, environment: Mapping[str, str] = os.environ) -> Job:
    """Reads `job.json` of an attempt directory, and the rank from the environment.

    Raises:
        WorkerError: JOB_FILE_INVALID.
    """
    path = directory / "job.json"
    rank, world = int(environment.get("RANK", "0")), int(environment.get("WORLD_SIZE", "1"))
    try:
        raw = json.loads(path.read_bytes())
        if raw["protocol"] != 1:
            raise ValueError(f"protocol {raw['protocol']} is not 1")
        return Job(
            directory=directory,
            attempt=raw["attempt"], job=raw["job"], stage=raw["stage"], entry=raw["entry"],
            shard=raw["shard"], shards=raw["shards"], fence=raw["fence"],
            config=raw["config"],
            inputs={
                name: Input(Path(i["path"]), i["format"], i["digest"])
                for name, i in raw["inputs"].items() if i is not None
            },
            outputs=tuple(raw["outputs"]),
            ranks=raw["ranks"], cores=raw["cores"], gpus=tuple(raw["gpus"]),
            store=StoreAddress(raw["store"]["url"], raw["store"].get("endpoint"), raw["store"].get("region")),
            prefix=raw["prefix"], resume=tuple(raw["resume"]),
            checkpoint=CheckpointPolicy(raw["checkpoint"]["every"]),
            rank=rank, local_rank=int(environment.get("LOCAL_RANK", rank)), world=world,
            events=Events(directory / f"events.{rank}.jsonl", rank),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkerError("JOB_FILE_INVALID", f"{path}: {error!r}", exit_code=USAGE) from error
