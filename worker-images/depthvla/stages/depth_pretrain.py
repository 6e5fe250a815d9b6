"""Stage: a depth expert, or a labeller, from pictures with depth."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from depthvla.model.presets import Preset
from depthvla.runtime import signals
from depthvla.runtime.config import setting
from depthvla.runtime.job import Job
from depthvla.runtime.stage import Port, stage
from depthvla.training.settings import DEPTH_LAYERS, DEPTH_POOL, ENCODER, PRESET, TrainingSettings


@dataclass(frozen=True)
class Config(TrainingSettings):
    preset: Preset = setting("tiny", PRESET)
    steps: int = setting(270, "optimizer steps", minimum=1)
    encoder: str = setting("", ENCODER)
    depth_layers: int = setting(0, DEPTH_LAYERS, minimum=0)
    depth_pool: int = setting(1, DEPTH_POOL, minimum=1)
    weights: list[str] = setting(
        [], "shares of the data sets, as name=share; without them each counts as many scenes as it has"
    )
    crop: float = setting(
        1.0, "smallest square to cut out at random, as a share of the largest; below 1 metric depth suffers: who isn't "
        "told the focal length sees what is enlarged too near", above=0, maximum=1,
    )  # fmt: skip
    light: float = setting(0.0, "brightness and contrast change at random by up to this share", minimum=0, maximum=1)
    held_out: int = setting(512, "held-out frames to judge by, at most", minimum=1)
    bad_share: float = setting(0.01, "share of the frames, and of the scenes, that may be broken", minimum=0, maximum=1)


@stage(
    Config,
    inputs={
        "scenes": Port(
            "rgbd-scenes",
            "pictures with metric depth: a data set, or several side by side",
            required=False,
            streams=True,
        ),
        "scannet": Port(None, "ScanNet, as recorded or extracted", required=False, streams=True),
        "hypersim": Port(None, "HyperSim", required=False, streams=True),
        "scannetpp": Port(None, "ScanNet++, recorded by iPhone", required=False, streams=True),
        "wildrgbd": Port(None, "WildRGB-D", required=False, streams=True),
        "encoder": Port("huggingface", "DINOv2 or Depth Anything, where the encoder starts from", required=False),
    },
    outputs={"model": Port("depth-expert", "weights (safetensors) and config.json")},
    distributed=True,
)
def run(job: Job, config: Config) -> None:
    """Pretrains the depth expert with the scale-invariant loss, and scores it on cameras never seen."""
    from depthvla.data.augment import Augmentation
    from depthvla.labels.score import mean_log
    from depthvla.model.build import build
    from depthvla.model.depth import DepthExpert
    from depthvla.model.files import save_model
    from depthvla.model.presets import PRESETS, with_depth
    from depthvla.runtime import randomness
    from depthvla.runtime.distributed import process_group, set_up_torch, whole_state
    from depthvla.runtime.training import train
    from depthvla.training.depth import DepthLoss, predict
    from depthvla.training.scenes import open_scenes, score_held_out, show_held_out
    from depthvla.training.share import share
    from depthvla.weights.start import start_encoder

    config.micro_batches(job.world)
    size = with_depth(PRESETS[config.preset], config.depth_layers, config.depth_pool)
    scenes = open_scenes(
        job, size.image, batch=config.batch_size, seed=config.seed, held_out=config.held_out, weights=config.weights,
        bad_share=config.bad_share, augmentation=Augmentation(config.crop, 0.5, config.light),
    )  # fmt: skip
    scenes.check_held_out()
    device = set_up_torch(job)
    randomness.start(config.seed)
    mean = mean_log(scenes.typical.depth)

    def start(made: DepthExpert) -> None:
        start_encoder(job, made, size, config.encoder)
        made.start_at(mean)

    with process_group(job), signals.held():
        model = share(lambda: DepthExpert(size), start, config, job, device)
        with closing(DepthLoss(model, scenes, job, config.batch_size)) as losses:
            trained = train(job, model, losses, config, device, {"scenes": scenes.stream.digest})
        weights = whole_state(model)
        if job.rank != 0:
            return
        save_model(job.output("model"), "depth-expert", size, weights)
        judged = build(lambda: DepthExpert(size), weights, "model").to(device)
        pred = predict(judged, scenes.held_out.images, device)
        results = score_held_out(pred, scenes)
        show_held_out(job, pred, scenes, "held-out cameras: input, predicted depth, true depth")
        reached = results["depth.absrel.random_camera"]
        summary = f"absrel {reached:.2f} (best constant {results['depth.absrel.random_camera.best_constant']:.2f})"
        job.events.artifact("model", summary)
        job.events.done({**{f"loss.{k}": v for k, v in trained.losses.items()}, **results}, summary)
