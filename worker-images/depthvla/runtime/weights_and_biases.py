"""A run in Weights & Biases, or files to be sent there later by `wandb sync`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import wandb

from depthvla.runtime.events import Metric
from depthvla.runtime.job import Job
from depthvla.runtime.sinks import first_frame, numbers
from depthvla.runtime.wandb_log import last_step

SECONDS = 60.0
"""How long to try where nothing answers: to begin, and at the end to send the rest, which is in the file too."""
FLUSH_EVERY = 1.0
"""Seconds between two writes of the file. wandb offers no flush at will: who is killed loses up to so much of it."""
ENVIRONMENT = ("WANDB_API_KEY", "WANDB_BASE_URL")
"""Where wandb looks for its key, and for a server of one's own."""
CLIPS: dict[str, Literal["mp4", "webm", "gif"]] = {".mp4": "mp4", ".webm": "webm", ".gif": "gif"}


class WeightsAndBiases:
    """All attempts of a job are one run, whose id is made of the job's key: online it is resumed, offline each attempt
    leaves a file and `wandb sync` puts them together. Steps that the run has are not told again."""

    def __init__(self, job: Job) -> None:
        assert job.metrics is not None
        assert job.metrics.wandb is not None
        self._job, where, folder = job, job.metrics.wandb, job.metrics.folder
        for name in ENVIRONMENT:
            if (value := job.secret(name)) is not None:
                os.environ[name] = value
        before = [*folder.glob("wandb.*/wandb/offline-run-*/run-*.wandb")]
        shard = f"-s{job.shard}" if job.shards > 1 else ""
        own = folder / f"wandb.{job.fence}"
        own.mkdir(parents=True, exist_ok=True)
        job.events.busy("starting Weights & Biases", SECONDS)
        self._run = wandb.init(
            project=where.project, entity=where.entity, mode=where.mode,
            id=job.job[:32] + shard, resume="allow" if where.mode == "online" else None,
            name=job.metrics.name, group=job.stage, dir=own,
            config=dict(job.config) | {"job": job.job, "entry": job.entry, "ranks": job.ranks},
            settings=wandb.Settings(
                console="off", disable_git=True, silent=True, init_timeout=SECONDS, finish_timeout=SECONDS,
                x_transaction_log_flush_interval=FLUSH_EVERY,
            ),
        )  # fmt: skip
        # Online only the server knows what has reached it.
        told = [step for step in map(last_step, before) if step is not None] if where.mode == "offline" else []
        self._first = max([self._run.starting_step, *(step + 1 for step in told)])

    def metric(self, name: str, value: float, step: int) -> None:
        if step >= self._first:
            self._run.log({name: value}, step=step)

    def sample(self, name: str, path: Path, caption: str | None, step: int) -> None:
        step = max(step, self._run.step)
        if step < self._first:
            return
        if path.suffix in CLIPS:
            self._run.log({name: wandb.Video(str(path), caption=caption, format=CLIPS[path.suffix])}, step=step)
        elif (frame := first_frame(path)) is not None:
            self._run.log({name: wandb.Image(frame, caption=caption)}, step=step)

    def results(self, metrics: Mapping[str, Metric], step: int) -> None:
        self._run.summary.update(numbers(metrics))

    def flush(self) -> None:
        """Nothing that wandb offers: see `FLUSH_EVERY`."""

    def close(self) -> None:
        self._job.events.busy("sending the rest to Weights & Biases", SECONDS)
        self._run.finish()
