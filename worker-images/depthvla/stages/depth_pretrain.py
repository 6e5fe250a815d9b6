"""Stage: a depth expert, or a labeller, from pictures with depth."""

from __future__ import annotations

from dataclasses import dataclass

from depthvla.model.presets import Preset
from depthvla.runtime import signals
from depthvla.runtime.config import setting
from depthvla.runtime.failure import WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.sharing import Sharing
from depthvla.runtime.stage import Port, stage
from depthvla.training import settings as say


@dataclass(frozen=True)
class Config:
    preset: Preset = setting("tiny", say.PRESET)
    steps: int = setting(270, say.STEPS, minimum=1)
    batch_size: int = setting(32, say.BATCH, minimum=1)
    lr: float = setting(1e-3, say.LR, above=0)
    weight_decay: float = setting(0.01, say.DECAY, minimum=0)
    warmup: int = setting(20, say.WARMUP, minimum=0)
    clip: float = setting(1.0, say.CLIP, above=0)
    seed: int = setting(0, say.SEED, minimum=0)
    sharing: Sharing = setting("replicate", say.SHARING)
    encoder: str = setting("", say.ENCODER)


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
    from depthvla.runtime.distributed import process_group, set_up_torch, share, whole_state
    from depthvla.runtime.training import Optimisation, train
    from depthvla.training.depth import DepthLoss, predict, score_held_out, show_held_out
    from depthvla.weights.start import start_encoder

    size = PRESETS[config.preset]
    frames = load_scenes(job.input("scenes"), size.image, tell=job.events.warning)
    training, held_out = frames.select("train"), frames.select("heldout")
    if not len(training) or not len(held_out):
        raise WorkerError("DATA_EMPTY", f"{len(training)} frames to train on and {len(held_out)} held out: need both")
    device = set_up_torch(job)
    randomness.start(config.seed)
    model = DepthExpert(size)
    start_encoder(job, model, size, config.encoder)
    model.start_at(mean_log(training.depth))
    with process_group(job), signals.held():
        share(model, config.sharing, job, device)
        how = Optimisation(
            config.steps, config.lr, config.weight_decay, config.warmup, config.clip, config.sharing, config.seed
        )
        losses = DepthLoss(model, training, job, batch_size=config.batch_size, seed=config.seed)
        trained = train(job, model, losses, how, device)
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
