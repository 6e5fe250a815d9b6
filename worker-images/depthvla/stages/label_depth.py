"""Stage: pseudo depth of demonstrations, by a labeller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from depthvla.labels.labellers.kinds import Kind, Precision, Single
from depthvla.runtime import signals
from depthvla.runtime.config import setting
from depthvla.runtime.job import Job
from depthvla.runtime.stage import Port, stage
from depthvla.training import settings as say

if TYPE_CHECKING:
    from depthvla.labels.labellers.labeller import Labeller
    from depthvla.labels.labellers.model_files import ModelFolder


@dataclass(frozen=True)
class Config:
    labeller: Kind = setting("depth-expert", "what labels; `fused`: a relative Depth Anything V2 with another's metres")
    metric: Single = setting("unidepth-v2", "what `fused` has its metres from")
    model: str = setting("", f"its model, as {say.HUB}; or bind a folder as `labeller`")
    metric_model: str = setting("", f"the model of `metric`, as {say.HUB}; or bind a folder as `metric_labeller`")
    precision: Precision = setting("float32", "what models compute in")
    cameras: list[str] = setting([], "cameras to label, by the dataset's names; none given: all")
    depth_cameras: list[str] = setting([], "depth that the dataset has of them, to score the labels by")
    like: say.Like = setting("", say.LIKE)
    size: int = setting(0, "shorter side of the labels in pixels; 0: as large as the pictures", minimum=0)
    batch_size: int = setting(32, "pictures at once", minimum=1)
    commit_every: float = setting(5.0, "seconds of work that a crash may lose", minimum=0)
    min_share: float = setting(0.5, "a clip with a depth for fewer of its pixels is flagged", minimum=0, maximum=1)
    max_absrel: float = setting(0.25, "a clip on which two labellers differ more is flagged (AbsRel)", minimum=0)
    min_delta1: float = setting(0.6, "a clip is flagged if two labellers agree within 25% on fewer pixels", minimum=0)
    max_flicker: float = setting(0.1, "a clip whose depth changes more where nothing moves is flagged", minimum=0)
    flagged: Literal["keep", "leave out"] = setting("keep", "what training sees of flagged clips: labels, or none")
    flagged_share: float = setting(0.1, "of the clips; when more are flagged, the job fails", minimum=0, maximum=1)
    broken_share: float = setting(0.01, "of the episodes; when more can't be read, the job fails", minimum=0, maximum=1)


@stage(
    Config,
    inputs={
        "demos": Port(None, "demonstrations to label: LeRobot, RLDS or LIBERO", streams=True),
        "labeller": Port(
            None, "folder of the model that labels; not the one that training starts from", required=False
        ),
        "metric_labeller": Port(None, "folder of the model that `fused` has its metres from", required=False),
        "truth": Port("demo-depth", "measured depth, to score the labels by", required=False),
    },
    outputs={"labels": Port("depth-labels", "uint16 millimetres, a file for each episode and camera; quality.json")},
    shardable=True,
)
def run(job: Job, config: Config) -> None:
    """Labels each frame of the demonstrations with metric depth, and scores the labels against what was measured."""
    from depthvla.labels.labellers.choose import How, open_labeller
    from depthvla.labels.labellers.truth import RecordedDepth, SimulatorDepth
    from depthvla.labels.labelling import Labelling, Rules, thresholds
    from depthvla.labels.reading import open_recordings
    from depthvla.runtime.distributed import set_up_torch

    source = open_recordings(job.input("demos"), config.cameras, config.depth_cameras, config.like)
    # Now, not after an hour of labelling: a truth that doesn't fit is told at once.
    truth: Labeller | None = SimulatorDepth(job.input("truth"), source) if job.has("truth") else None
    if config.depth_cameras and truth is None:
        truth = RecordedDepth(source, dict(zip(source.cameras, config.depth_cameras, strict=True)))
    how = How(config.batch_size, set_up_torch(job), config.precision)
    job.events.busy("loading the labeller")
    model = model_of(job, "labeller", config.model)
    metric = None
    if config.labeller == "fused":
        metric = (config.metric, model_of(job, "metric_labeller", config.metric_model))
    labeller = open_labeller(config.labeller, model, how, metric)
    rules = Rules(
        config.size, config.batch_size, config.commit_every, thresholds(config), config.flagged == "leave out",
        config.flagged_share, config.broken_share,
    )  # fmt: skip
    work = Labelling(job, source, labeller, truth, rules)
    with signals.held():
        work.run()
        if job.checkpoint.final:
            work.pieces.commit()
    work.finish()


def model_of(job: Job, port: str, address: str) -> ModelFolder:
    """The folder of a model: an input, or from the hub.

    Raises:
        WorkerError: INPUT_MISSING where neither is given, WEIGHTS_*.
    """
    from depthvla.labels.labellers.model_files import ModelFolder
    from depthvla.weights.hub import checkpoint_folder

    folder = checkpoint_folder(job, port, address)
    return ModelFolder(job.input(port) if folder is None else folder, address or None)
