"""Stage: the policy, from demonstrations, pseudo depth and scenes."""

from __future__ import annotations

from dataclasses import dataclass

from depthvla.model.presets import Preset
from depthvla.runtime import signals
from depthvla.runtime.config import setting
from depthvla.runtime.job import Job
from depthvla.runtime.stage import Port, stage
from depthvla.training.settings import PALIGEMMA, PRESET, TrainingSettings


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
    blind: bool = setting(False, "pictures blacked out: what can be had without looking")
    paligemma: str = setting("", PALIGEMMA)


@stage(
    Config,
    inputs={
        "demos": Port("lerobot-v3", "demonstrations", streams=True),
        "labels": Port("depth-labels", "pseudo depth of the demonstrations", required=False, streams=True),
        "scenes": Port(
            "rgbd-scenes", "pictures with depth from any camera, for the depth loss", required=False, streams=True
        ),
        "statistics": Port("statistics", "for normalisation; else measured on the demonstrations", required=False),
        "depth_expert": Port("depth-expert", "where the depth expert starts from; else at random", required=False),
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
    from depthvla.training.policy import judge, make_trainee, read_data, size_of, start_depth, write_policy
    from depthvla.training.share import share
    from depthvla.weights.start import start_vlm

    data = read_data(job, config)
    size = size_of(config, data.demos)
    device = set_up_torch(job)
    randomness.start(config.seed)

    def start(made: FlowAndDepth) -> None:
        start_vlm(job, made.model.vlm, size, config.paligemma)
        start_depth(job, config, made.model, data)

    with process_group(job), signals.held():
        trainee = share(lambda: make_trainee(config, size), start, config, job, device)
        what = JointSettings(
            config.batch_size, config.scene_batch_size, config.noise_draws, config.depth_loss_weight, config.seed
        )
        normalised = {"normalisation_sha256": data.stats.digest}
        trained = train(job, trainee, JointLoss(trainee, data, job, what), config, device, normalised)
        weights = whole_state(trainee.model)
        if job.rank != 0:
            return
        write_policy(job, size, data, weights, config.blind)
        results = {f"loss.{k}": v for k, v in trained.losses.items()} | judge(job, size, weights, data.scenes)
        summary = ", ".join(f"{k} {v:.3f}" for k, v in trained.losses.items()) or None
        job.events.artifact("policy", summary)
        job.events.done(results, summary)
