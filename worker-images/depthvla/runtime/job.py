"""`job.json`: all that an attempt is told. The other side of `orchestrator/protocol/job-file.ts`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from depthvla.runtime.config import Json
from depthvla.runtime.events import Events
from depthvla.runtime.failure import NO_INPUT, USAGE, WorkerError, disk_full, is_full


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
class Streamed:
    """An input that stays where it is, and is read from there.

    Attributes:
        artifact, output: store key of an artifact's manifest, and its output; None for all below the address.
    """

    store: StoreAddress
    artifact: str | None
    output: str | None
    format: str | None
    digest: str


@dataclass(frozen=True)
class StreamCache:
    """Where this host keeps what is read of streamed inputs, for all attempts together; bytes at most."""

    path: Path
    bytes: int


@dataclass(frozen=True)
class WandbAddress:
    project: str
    entity: str | None
    mode: Literal["online", "offline"]


@dataclass(frozen=True)
class Metrics:
    """Where rank 0 also writes what it measures."""

    folder: Path
    """The same for all attempts of the job."""
    name: str
    """What people call the job."""
    tensorboard: bool
    wandb: WandbAddress | None


@dataclass(frozen=True)
class CheckpointPolicy:
    every: int | None
    final: bool = False

    def is_due(self, done: int, steps: int) -> bool:
        """Whether to save after so many steps. After the last there is the output: it is saved too only if asked."""
        return self.final if done == steps else self.every is not None and done % self.every == 0


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
    inputs: Mapping[str, Input | Streamed]
    cache: StreamCache | None
    outputs: tuple[str, ...]
    ranks: int
    cores: int
    gpus: tuple[str, ...]
    store: StoreAddress
    prefix: str
    resume: tuple[str, ...]
    checkpoint: CheckpointPolicy
    metrics: Metrics | None
    grace: float
    rank: int
    local_rank: int
    world: int
    local_world: int
    """Ranks on this host."""
    events: Events = field(repr=False, compare=False)

    @property
    def threads(self) -> int:
        """CPU threads of this rank: the cores of its host are shared out, never oversubscribed."""
        return max(1, self.cores // self.local_world)

    def has(self, name: str) -> bool:
        return name in self.inputs

    def input(self, name: str) -> Path:
        """The folder of an input; one that is streamed is read like any other, see `depthvla.streams.path`.

        Raises:
            WorkerError: INPUT_MISSING when the pipeline binds nothing to it, or its folder is gone; STORE_*.
        """
        if name not in self.inputs:
            raise WorkerError("INPUT_MISSING", f"stage {self.stage} needs the input `{name}`", exit_code=NO_INPUT)
        source = self.inputs[name]
        path = source.path if isinstance(source, Input) else self._mount(source)
        if not path.exists():
            raise WorkerError("INPUT_MISSING", f"input `{name}`: {path} does not exist", exit_code=NO_INPUT)
        return path

    def several(self, name: str) -> dict[str, Path]:
        """The folders that are bound as `<name>-…`, by what follows.

        Raises:
            WorkerError: as `input`.
        """
        prefix = f"{name}-"
        return {each.removeprefix(prefix): self.input(each) for each in self.inputs if each.startswith(prefix)}

    def _mount(self, source: Streamed) -> Path:
        # The store's client takes long to load: only those who use it wait.
        from depthvla.streams.path import mount
        from depthvla.streams.report import report
        from depthvla.streams.stream import StreamSource

        assert self.cache is not None
        report(self.events)
        return mount(StreamSource(source.store, source.artifact, source.output, self.cache.path, self.cache.bytes))

    def output(self, name: str) -> Path:
        """The folder of an output, made if need be; collected after exit 0."""
        path = self.directory / "outputs" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def secret(self, name: str) -> str | None:
        """The value of a secret that the pipeline names (`secrets: [HF_TOKEN]`); None where there is none.

        Raises:
            WorkerError: JOB_FILE_INVALID.
        """
        path = self.directory / "secrets.json"
        try:
            return _maybe(_dict(json.loads(path.read_bytes()), path.name), name)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise WorkerError("JOB_FILE_INVALID", f"{path} can't be read", exit_code=USAGE) from error

    @property
    def scratch(self) -> Path:
        """A folder that is gone after the attempt, however it ended; to be made by who needs it."""
        return self.directory / "scratch"

    def sample_path(self, name: str) -> Path:
        """Where to write a sample file; `events.sample` is told `samples/<name>`."""
        path = self.directory / "samples" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def read_job(directory: Path, environment: Mapping[str, str] = os.environ) -> Job:
    """Reads `job.json` of an attempt directory, and the rank from the environment.

    Raises:
        WorkerError: JOB_FILE_INVALID, DISK_FULL.
    """
    path = directory / "job.json"
    rank, world = int(environment.get("RANK", "0")), int(environment.get("WORLD_SIZE", "1"))
    try:
        raw = _dict(json.loads(path.read_bytes()), "job.json")
        if raw.get("protocol") != 1:
            raise ValueError(f"protocol {raw.get('protocol')} is not 1")
        store, checkpoint = _dict(raw["store"], "store"), _dict(raw["checkpoint"], "checkpoint")
        return Job(
            directory=directory,
            attempt=_text(raw, "attempt"), job=_text(raw, "job"), stage=_text(raw, "stage"), entry=_text(raw, "entry"),
            shard=_count(raw, "shard", 0), shards=_count(raw, "shards"), fence=_count(raw, "fence"),
            config=_dict(raw["config"], "config"),
            inputs={
                name: _input(_dict(each, name))
                for name, each in _dict(raw["inputs"], "inputs").items() if each is not None
            },
            cache=_cache(raw),
            outputs=_texts(raw, "outputs"),
            ranks=_count(raw, "ranks"), cores=_count(raw, "cores"), gpus=_texts(raw, "gpus") or _visible(environment),
            store=_address(store),
            prefix=_text(raw, "prefix"), resume=_texts(raw, "resume"),
            checkpoint=CheckpointPolicy(
                None if checkpoint["every"] is None else _count(checkpoint, "every"), checkpoint.get("final") is True
            ),
            metrics=None if raw.get("metrics") is None else _metrics(_dict(raw["metrics"], "metrics")),
            grace=_seconds(raw, "grace"),
            rank=rank, local_rank=int(environment.get("LOCAL_RANK", rank)), world=world,
            local_world=int(environment.get("LOCAL_WORLD_SIZE", world)),
            events=Events(directory / f"events.{rank}.jsonl", rank),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, RecursionError) as error:
        if is_full(error):
            raise disk_full(str(directory)) from error
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise WorkerError("JOB_FILE_INVALID", f"{path}: {what}", exit_code=USAGE) from error


def _visible(environment: Mapping[str, str]) -> tuple[str, ...]:
    """What a cluster's scheduler gave out; the launcher leaves each rank its own."""
    return tuple(device for device in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if device)


def _input(raw: Mapping[str, Json]) -> Input | Streamed:
    shape, digest = _maybe(raw, "format"), _text(raw, "digest")
    if "path" in raw:
        return Input(Path(_text(raw, "path")), shape, digest)
    artifact = {} if raw.get("artifact") is None else _dict(raw["artifact"], "artifact")
    key, output = (_text(artifact, "key"), _text(artifact, "output")) if artifact else (None, None)
    return Streamed(_address(_dict(raw["store"], "store")), key, output, shape, digest)


def _cache(raw: Mapping[str, Json]) -> StreamCache | None:
    if raw.get("cache") is None:
        if any(isinstance(each, dict) and "path" not in each for each in _dict(raw["inputs"], "inputs").values()):
            raise ValueError("cache: missing, but an input is streamed")
        return None
    cache = _dict(raw["cache"], "cache")
    return StreamCache(Path(_text(cache, "path")), _count(cache, "bytes"))


def _address(raw: Mapping[str, Json]) -> StoreAddress:
    return StoreAddress(_text(raw, "url"), _maybe(raw, "endpoint"), _maybe(raw, "region"))


def _metrics(raw: Mapping[str, Json]) -> Metrics:
    wandb = None if raw["wandb"] is None else _dict(raw["wandb"], "wandb")
    return Metrics(
        folder=Path(_text(raw, "folder")), name=_text(raw, "name"), tensorboard=raw["tensorboard"] is True,
        wandb=None if wandb is None else WandbAddress(
            _text(wandb, "project"), _maybe(wandb, "entity"), "offline" if wandb["mode"] == "offline" else "online"
        ),
    )  # fmt: skip


def _dict(value: Json, name: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ValueError(f"{name}: expected an object, found {value!r}")
    return value


def _text(raw: Mapping[str, Json], name: str) -> str:
    value = raw[name]
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected a string, found {value!r}")
    return value


def _maybe(raw: Mapping[str, Json], name: str) -> str | None:
    return None if raw.get(name) is None else _text(raw, name)


def _texts(raw: Mapping[str, Json], name: str) -> tuple[str, ...]:
    value = raw[name]
    if not isinstance(value, list):
        raise ValueError(f"{name}: expected a list of strings, found {value!r}")
    return tuple(_text({name: each}, name) for each in value)


def _count(raw: Mapping[str, Json], name: str, least: int = 1) -> int:
    value = raw[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name}: expected a whole number ≥ {least}, found {value!r}")
    return value


def _seconds(raw: Mapping[str, Json], name: str) -> float:
    value = raw[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ValueError(f"{name}: expected seconds > 0, found {value!r}")
    return float(value)
