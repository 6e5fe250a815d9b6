"""Stage: a depth expert, or a labeller, from pictures with depth."""

from __future__ import annotations

from dataclasses import dataclass

from depthvla.model.presets import Preset
from depthvla.runtime import signals
from depthvla.runtime.config import setting
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.stage import Port, stage
from depthvla.training.settings import ENCODER, PRESET, TrainingSettings


@dataclass(frozen=True)
class Config(TrainingSettings):
    preset: Preset = setting("tiny", PRESET)
    steps: int = setting(270, "optimizer steps", minimum=1)
    encoder: str = setting("", ENCODER)


@stage(
    Config,
    inputs={
        "scenes": Port("rgbd-scenes", "pictures with metric depth, in ScanNet's and HyperSim's layouts", streams=True),
        "encoder": Port("huggingface", "DINOv2 or Depth Anything, where the encoder starts from", required=False),
    },
    outputs={"model": Port("depth-expert", "weights (safetensors) and config.json")},
    distributed=True,
)
def run(job: Job, config: Config) -> None:
    """Pretrains the depth expert with the scale-invariant loss, and scores it on cameras never seen."""
    from depthvla.data.scenes import load_scenes
    from depthvla.labels.score import mean_log
    from depthvla.model.build import build
    from depthvla.model.depth import DepthExpert
    from depthvla.model.files import save_model
    from depthvla.model.presets import PRESETS
    from depthvla.runtime import randomness
    from depthvla.runtime.distributed import process_group, set_up_torch, whole_state
    from depthvla.runtime.training import train
    from depthvla.training.depth import DepthLoss, predict, score_held_out, show_held_out
    from depthvla.training.share import share
    from depthvla.weights.start import start_encoder

    size = PRESETS[config.preset]
    frames = load_scenes(job.input("scenes"), size.image, tell=job.events.warning)
    training, held_out = frames.select("train"), frames.select("heldout")
    if not len(training) or not len(held_out):
        raise WorkerError("DATA_EMPTY", f"{len(training)} frames to train on and {len(held_out)} held out: need both")
    device = set_up_torch(job)
    randomness.start(config.seed)
    mean = mean_log(training.depth)

    def start(made: DepthExpert) -> None:
        start_encoder(job, made, size, config.encoder)
        made.start_at(mean)

    with process_group(job), signals.held():
        model = share(lambda: DepthExpert(size), start, config, job, device)
        losses = DepthLoss(model, training, job, batch_size=config.batch_size, seed=config.seed)
        trained = train(job, model, losses, config, device)
        weights = whole_state(model)
        if job.rank != 0:
            return
        save_model(job.output("model"), "depth-expert", size, weights)
        judged = build(lambda: DepthExpert(size), weights, "model")
        pred = predict(judged, held_out.images)
        results = score_held_out(pred, frames)
        show_held_out(job, pred, frames, "held-out cameras: input, predicted depth, true depth")
        reached = results["depth.absrel.random_camera"]
        summary = f"absrel {reached:.2f} (best constant {results['depth.absrel.random_camera.best_constant']:.2f})"
        job.events.artifact("model", summary)
        job.events.done({**{f"loss.{k}": v for k, v in trained.losses.items()}, **results}, summary)
