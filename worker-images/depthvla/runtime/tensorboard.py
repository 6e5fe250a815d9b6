"""Event files for TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from depthvla.runtime.events import Metric
from depthvla.runtime.job import Job
from depthvla.runtime.sinks import first_frame, numbers

FLUSH_EVERY = 5
"""Seconds."""


class TensorBoard:
    """All attempts of a job write to one folder, each a file of its own: TensorBoard shows them as one run.

    Args:
        step: the first that will be told. What an earlier attempt has told from there on counts no more: it was killed
            after its last checkpoint, and those steps are done again.
    """

    def __init__(self, job: Job, step: int) -> None:
        assert job.metrics is not None
        folder = job.metrics.folder
        resumed = any(folder.glob("events.out.tfevents.*"))
        self._writer = SummaryWriter(
            log_dir=str(folder), purge_step=step, filename_suffix=f".{job.fence}", flush_secs=FLUSH_EVERY
        )
        if not resumed:
            self._tell_config(job)

    def metric(self, name: str, value: float, step: int) -> None:
        self._writer.add_scalar(name, value, step)

    def sample(self, name: str, path: Path, caption: str | None, step: int) -> None:
        frame = first_frame(path)
        if frame is not None:
            self._writer.add_image(name, np.asarray(frame), step, dataformats="HWC")

    def results(self, metrics: Mapping[str, Metric], step: int) -> None:
        for name, value in numbers(metrics).items():
            self._writer.add_scalar(f"results/{name}", value, step)

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def _tell_config(self, job: Job) -> None:
        facts = {"job": job.job, "stage": job.stage, "attempt": job.attempt, "config": job.config}
        self._writer.add_text("job", f"```json\n{json.dumps(facts, indent=2)}\n```")
        flat = {k: v if isinstance(v, (bool, int, float, str)) else json.dumps(v) for k, v in job.config.items()}
        # `add_hparams` would make a second run beside this one.
        summaries = hparams(flat | {"job": job.job[:12]}, {"loss": 0.0})  # type: ignore[no-untyped-call]
        events = self._writer._get_file_writer()  # type: ignore[no-untyped-call]
        for summary in summaries:
            events.add_summary(summary)
