"""What a stage starts from: a folder that the pipeline binds, or a name of the hub."""

from __future__ import annotations

from pathlib import Path

from depthvla.model.config import ModelConfig
from depthvla.model.depth import DepthExpert
from depthvla.model.depthvla import VisionLanguage
from depthvla.runtime.job import Job
from depthvla.weights.checkpoint import open_checkpoint
from depthvla.weights.dinov2 import depth_anything, dinov2
from depthvla.weights.hub import checkpoint_folder
from depthvla.weights.load import Loaded, load_weights
from depthvla.weights.paligemma import paligemma


def start_vlm(job: Job, model: VisionLanguage, config: ModelConfig, address: str) -> None:
    """Gives it PaliGemma's weights, if the stage has the input `paligemma` or an address in the hub.

    Raises:
        WorkerError: WEIGHTS_*.
    """
    if folder := checkpoint_folder(job, "paligemma", address):
        with open_checkpoint(folder) as checkpoint:
            loaded = load_weights(model, paligemma(config, checkpoint.config), checkpoint)
        _say(job, folder, loaded)


def start_encoder(job: Job, model: DepthExpert, config: ModelConfig, address: str) -> None:
    """Gives the depth expert's encoder the weights of DINOv2 or of Depth Anything, if the stage has the input
    `encoder` or an address in the hub.

    Raises:
        WorkerError: WEIGHTS_*, PRESET_MISMATCH.
    """
    if folder := checkpoint_folder(job, "encoder", address):
        with open_checkpoint(folder) as checkpoint:
            recipe = depth_anything if checkpoint.config.get("model_type") == "depth_anything" else dinov2
            made = recipe(config.depth_vision, config.image // config.depth_vision.patch, checkpoint.config)
            loaded = load_weights(model.encoder, made, checkpoint)
        _say(job, folder, loaded)


def _say(job: Job, folder: Path, loaded: Loaded) -> None:
    """Names every tensor that isn't used, in the log; in an event, how many of which kind."""
    if job.rank == 0 and loaded.unused:
        print(
            f"{folder}: not used:", *(f"  {name}: {why}" for name, why in loaded.unused.items()), sep="\n", flush=True
        )
        job.events.warning(str(loaded))
