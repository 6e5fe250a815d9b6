"""Stage: pseudo depth of demonstrations, by a labeller."""

from __future__ import annotations

from dataclasses import dataclass

from depthvla.runtime import signals
from depthvla.runtime.config import setting
from depthvla.runtime.job import Job
from depthvla.runtime.stage import Port, stage


@dataclass(frozen=True)
class Config:
    batch_size: int = setting(32, "pictures at once", minimum=1)
    commit_every: float = setting(5.0, "seconds of work that a crash may lose", minimum=0)


@stage(
    Config,
    inputs={
        "demos": Port("lerobot-v3", "demonstrations to label", streams=True),
        "labeller": Port("depth-expert", "the model that labels; not the one that training starts from"),
        "truth": Port("demo-depth", "measured depth, to score the labels by", required=False),
    },
    outputs={"labels": Port("depth-labels", "uint16 millimetres, a file an episode")},
    shardable=True,
)
def run(job: Job, config: Config) -> None:
    """Labels each frame of the demonstrations with metric depth, and scores the labels against what was measured."""
    from depthvla.labels.labelling import Labelling
    from depthvla.runtime.distributed import set_up_torch

    set_up_torch(job)
    work = Labelling(job, config.batch_size, config.commit_every)
    with signals.held():
        for done, episode in work.remaining():
            work.label(episode)
            job.events.progress(done, len(work.episodes), "episodes")
            work.pieces.commit_when_due()
        if job.checkpoint.final:
            work.pieces.commit()
    work.finish()
