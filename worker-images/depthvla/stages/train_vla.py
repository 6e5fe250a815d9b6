"""Stage: the policy, from demonstrations, pseudo depth and scenes."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from depthvla.model.presets import Preset
from depthvla.runtime import signals
from depthvla.runtime.config import setting
from depthvla.runtime.job import Job
from depthvla.runtime.stage import Port, stage
from depthvla.training.settings import DEPTH_LAYERS, DEPTH_POOL, LIKE, PALIGEMMA, PRESET, Like, TrainingSettings


@dataclass(frozen=True)
class Config(TrainingSettings):
    preset: Preset = setting("tiny", PRESET)
    steps: int = setting(600, "optimizer steps", minimum=1)
    warmup: int = setting(30, "steps of linear warm-up, before a cosine decay", minimum=0)
    scene_batch_size: int = setting(16, "pictures of scenes a step, over all ranks, for the depth loss", minimum=1)
    noise_draws: int = setting(4, "noise draws for each picture: the prefix is computed once for all", minimum=1)
    horizon: int = setting(8, "actions in a chunk", minimum=1)
    depth_expert: bool = setting(True, "with the depth expert; without it the model is π0")
    block_mask: bool = setting(True, "VLM and depth expert don't see each other")
    depth_loss_weight: float = setting(1.0, "weight of the depth loss beside the flow loss", minimum=0)
    freeze_depth_expert: bool = setting(False, "keep the depth expert as it was pretrained")
    depth_input: Literal["pictures", "measured"] = setting(
        "pictures", "what the depth expert sees: pictures; or the depth that the data set (and the simulator) measured"
    )
    depth_labels: Literal["pseudo", "measured"] = setting(
        "pseudo", "depth of demonstrations for the depth loss: the input `labels`, or what the data set measured"
    )
    depth_cameras: int = setting(1, "cameras with depth, the first so many", minimum=1)
    depth_layers: int = setting(0, DEPTH_LAYERS, minimum=0)
    depth_pool: int = setting(1, DEPTH_POOL, minimum=1)
    weigh_by_confidence: bool = setting(False, "pseudo depth counts by its labeller's confidence")
    bad_share: float = setting(
        0.01, "share of a dataset's episodes, and of the frames and scenes of `scenes`, that may be broken",
        minimum=0, maximum=1,
    )  # fmt: skip
    unlabelled_share: float = setting(
        0.05, "share of a dataset's clips whose labels may be missing or broken", minimum=0, maximum=1
    )
    augment: bool = setting(False, "cut and light pictures at random, depth along with them; never mirrored")
    blind: bool = setting(False, "pictures blacked out: what can be had without looking")
    like: Like = setting("", LIKE)
    paligemma: str = setting("", PALIGEMMA)

    @property
    def with_depth_loss(self) -> bool:
        return self.depth_expert and self.depth_loss_weight > 0 and self.depth_input == "pictures"


@stage(
    Config,
    inputs={
        "demos": Port(None, "a dataset of demonstrations, or a mixture of them", streams=True),
        "labels": Port(
            "depth-labels",
            "pseudo depth of the demonstrations; of a mixture, `labels-<dataset>` for each",
            required=False,
            streams=True,
            several=True,
        ),
        "scenes": Port(
            "rgbd-scenes", "pictures with depth from any camera, for the depth loss", required=False, streams=True
        ),
        "statistics": Port("statistics", "for normalisation; else measured on the demonstrations", required=False),
        "depth_expert": Port("depth-expert", "where the depth expert starts from; else at random", required=False),
        "policy": Port(None, "a policy that training starts from, whole (fine-tuning)", required=False),
        "paligemma": Port("huggingface", "PaliGemma, where the VLM starts from; else at random", required=False),
    },
    outputs={"policy": Port("policy", "weights, config, statistics and vocabulary")},
    distributed=True,
)
def run(job: Job, config: Config) -> None:
    """Trains vision-language, depth and action experts jointly with the flow and the depth loss."""
    from depthvla.runtime import randomness
    from depthvla.runtime.distributed import process_group, set_up_torch, whole_state
    from depthvla.runtime.training import train
    from depthvla.training.joint import FlowAndDepth, JointLoss, JointSettings
    from depthvla.training.policy import judge, make_trainee, read_data, start_depth, start_policy, write_policy
    from depthvla.training.share import share
    from depthvla.weights.start import start_vlm

    config.micro_batches(job.world)
    data = read_data(job, config)
    size = data.demonstrations.config
    device = set_up_torch(job)
    randomness.start(config.seed)

    def start(made: FlowAndDepth) -> None:
        if job.has("policy"):
            start_policy(job, made.model)
            return
        start_vlm(job, made.model.vlm, size, config.paligemma)
        start_depth(job, made.model, data.scenes)

    with process_group(job), signals.held():
        trainee = share(lambda: make_trainee(config, size), start, config, job, device)
        what = JointSettings(
            config.batch_size, config.scene_batch_size, config.noise_draws, config.depth_loss_weight, config.seed
        )
        with closing(data), closing(JointLoss(trainee, data.demonstrations, data.scenes, job, what)) as losses:
            trained = train(job, trainee, losses, config, device, data.cursor)
            losses.say_what_was_left_out()
        weights = whole_state(trainee.model)
        if job.rank != 0:
            return
        write_policy(job, data, weights)
        results = {f"loss.{k}": v for k, v in trained.losses.items()} | judge(job, size, weights, data.scenes, device)
        summary = ", ".join(f"{k} {v:.3f}" for k, v in trained.losses.items()) or None
        job.events.artifact("policy", summary)
        job.events.done(results, summary)
