"""Stage: what states and actions of demonstrations are like, for normalisation."""

from __future__ import annotations

from dataclasses import dataclass

from depthvla.runtime.config import setting
from depthvla.runtime.job import Job
from depthvla.runtime.stage import Port, stage
from depthvla.training.settings import LIKE, Like


@dataclass(frozen=True)
class Config:
    like: Like = setting("", LIKE)
    bad_share: float = setting(0.01, "share of a dataset's episodes that may be broken", minimum=0, maximum=1)


@stage(
    Config,
    inputs={
        "demos": Port(None, "demonstrations: LeRobotDataset, RLDS, LIBERO, or a folder with mixture.json", streams=True)
    },
    outputs={"statistics": Port("statistics", "count, mean, std, min, max, 1st and 99th percentile, and their hash")},
)
def run(job: Job, config: Config) -> None:
    """Computes the normalisation statistics of a dataset or a mixture of them, once."""
    from depthvla.data.measure_statistics import measure_statistics, unlike_units
    from depthvla.data.mixture import MixtureSettings
    from depthvla.data.mixture_file import open_mixture
    from depthvla.data.statistics import write_statistics

    settings = MixtureSettings(bad_share=config.bad_share)
    mixture = open_mixture(job.input("demos"), settings, job.events.warning, like=config.like)

    def progress(done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            job.events.progress(done, total, "episodes")

    statistics = measure_statistics(mixture, progress)
    for doubt in unlike_units(statistics):
        job.events.warning(doubt)
    write_statistics(job.output("statistics"), statistics)
    frames = max(statistics.mixture.action.count, default=0)
    skipped = sum(len(skips.named) for skips in mixture.skips)
    summary = f"{frames:,} frames of {len(mixture.parts)} datasets, {statistics.digest[:12]}"
    job.events.artifact("statistics", summary)
    job.events.done({"statistics.frames": frames, "statistics.skipped": skipped}, summary)
