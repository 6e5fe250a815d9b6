"""Attempts of one rank in the process that tests them, and what they said."""

import json
from pathlib import Path
from typing import Any

from depthvla.runtime.job import Job, read_job


def make_job(directory: Path, entry: str, config: dict[str, Any], inputs: dict[str, Any]) -> Job:
    directory.mkdir(parents=True, exist_ok=True)
    bound = {n: {"path": str(at)} if isinstance(at, Path) else at for n, at in inputs.items()}
    body = {
        "protocol": 1, "attempt": "a", "job": "k" * 64, "stage": entry, "shard": 0, "shards": 1, "fence": 1,
        "entry": entry, "config": config, "outputs": [], "ranks": 1, "cores": 1, "gpus": [],
        "inputs": {name: {"format": None, "digest": "0", **one} for name, one in bound.items()},
        "store": {"url": f"file://{directory}/store"}, "prefix": "p", "resume": [], "checkpoint": {"every": None},
        "grace": 30, "cache": {"path": str(directory / "cache"), "bytes": 1 << 20},
    }  # fmt: skip
    (directory / "job.json").write_text(json.dumps(body))
    return read_job(directory, {})


def warnings(job: Job) -> list[str]:
    events = map(json.loads, (job.directory / "events.0.jsonl").read_text().splitlines())
    return [event["message"] for event in events if event["type"] == "warning"]
