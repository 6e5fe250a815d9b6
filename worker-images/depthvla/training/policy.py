"""What `train_vla` reads before training, and what it leaves after."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from depthvla.data.demos import Demos, load_demos
from depthvla.data.frames import DepthFrames
from depthvla.data.measure_statistics import measure_statistics
from depthvla.data.mixture import Mixture, MixtureSettings
from depthvla.data.mixture_file import open_mixture
from depthvla.data.scenes import load_scenes
from depthvla.data.statistics import read_statistics
from depthvla.labels.score import mean_log
from depthvla.labels.sidecar import read_labels
from depthvla.model.build import build, copy_weights
from depthvla.model.config import ModelConfig
from depthvla.model.depthvla import DepthVLA
from depthvla.model.export import Made, export_policy
from depthvla.model.files import load_model
from depthvla.model.normalisation import Normalisation
from depthvla.model.presets import PRESETS
from depthvla.model.text import open_tokenizer
from depthvla.runtime.failure import CONFIG, WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.versions import versions
from depthvla.training.depth import predict, score_held_out, show_held_out
from depthvla.training.joint import FlowAndDepth, JointData
from depthvla.weights.hub import checkpoint_folder

if TYPE_CHECKING:
    from depthvla.stages.train_vla import Config


def read_data(job: Job, config: Config) -> JointData:
    """Demonstrations, and what the depth loss needs, as far as this variant has one.

    Raises:
        WorkerError: DATA_BROKEN, LABELS_INVALID, LABELS_CIRCULAR.
    """
    image = PRESETS[config.preset].image
    demos = load_demos(job.input("demos"), image)
    wants_depth = config.depth_expert and config.depth_loss_weight > 0
    labels, scenes = None, None
    if job.has("labels") and wants_depth:
        read = read_labels(job.input("labels"), demos.episode, image)
        if job.has("depth_expert") and load_model(job.input("depth_expert"), "depth-expert").digest in read.models:
            raise WorkerError(
                "LABELS_CIRCULAR",
                "the labels were made by the depth expert that training starts from",
                hint="label with another model: from its own answers a model learns nothing",
                exit_code=CONFIG,
            )
        labels = read.depth
    if job.has("scenes") and config.depth_expert:
        scenes = load_scenes(job.input("scenes"), image, tell=job.events.warning)
    if wants_depth and labels is None and scenes is None:
        job.events.warning("no depth loss: neither `labels` nor `scenes` is given")
    mixture = open_mixture(job.input("demos"), MixtureSettings(), job.events.warning)
    stats = read_normalisation(job, mixture, demos)
    folder = checkpoint_folder(job, "paligemma", config.paligemma)
    tokenizer = open_tokenizer(PRESETS[config.preset].text, folder)
    if config.blind:
        demos = dataclasses.replace(demos, images=np.zeros_like(demos.images))
    return JointData(demos, stats, mixture.cameras, tokenizer, labels, scenes)


def read_normalisation(job: Job, mixture: Mixture, demos: Demos) -> Normalisation:
    """From the statistics that a job has computed, or else measured on these demonstrations in the same way.

    Raises:
        WorkerError: STATISTICS_INVALID, DATA_BROKEN.
    """
    if not job.has("statistics"):
        return Normalisation(measure_statistics(mixture))
    statistics = read_statistics(job.input("statistics"))
    for name, spread, values in (
        ("state", statistics.mixture.state, demos.state), ("action", statistics.mixture.action, demos.action)
    ):  # fmt: skip
        if len(spread.q01) != values.shape[1]:
            raise WorkerError(
                "STATISTICS_INVALID",
                f"statistics: {name} has {len(spread.q01)} dimensions, that of the demonstrations {values.shape[1]}",
                hint="compute them of these demonstrations",
                exit_code=CONFIG,
            )
    return Normalisation(statistics)


def size_of(config: Config, demos: Demos) -> ModelConfig:
    """The preset, cut to this data and this variant."""
    preset = PRESETS[config.preset]
    return dataclasses.replace(
        preset,
        depth=preset.depth if config.depth_expert else None,
        block_mask=config.block_mask,
        state=demos.state.shape[1],
        actions=demos.action.shape[1],
        horizon=config.horizon,
    )


def make_trainee(config: Config, size: ModelConfig) -> FlowAndDepth:
    """The model with random weights, as training calls it; frozen what this variant freezes."""
    model = DepthVLA(size)
    if model.depth is not None and config.freeze_depth_expert:
        model.depth.requires_grad_(False)
    return FlowAndDepth(model)


def start_depth(job: Job, config: Config, model: DepthVLA, data: JointData) -> None:
    """Gives the depth expert its pretrained weights, or else the mean depth to start from.

    Raises:
        WorkerError: PRESET_MISMATCH.
    """
    if model.depth is None:
        return
    if job.has("depth_expert"):
        saved = load_model(job.input("depth_expert"), "depth-expert")
        copy_weights(model.depth, saved.weights, "depth_expert")
    elif data.scenes is not None:
        model.depth.start_at(mean_log(data.scenes.select("train").depth))


def write_policy(job: Job, size: ModelConfig, data: JointData, weights: dict[str, Tensor], blind: bool) -> None:
    """Writes the output `policy`."""
    sentences = data.demos.instructions
    inputs = {name: each.digest for name, each in sorted(job.inputs.items())}
    export_policy(
        job.output("policy"), size, weights, data.stats, data.tokenizer,
        cameras=data.cameras, instructions=sentences, blind=blind,
        made=Made(job.stage, job.job, inputs, versions()),
    )  # fmt: skip
    if pairs := data.tokenizer.collisions(sentences):
        shown = ", ".join(f"{a!r} and {b!r}" for a, b in pairs[:5])
        job.events.warning(f"{len(pairs)} pairs of words share a number, the policy can't tell them apart: {shown}")


def judge(job: Job, size: ModelConfig, weights: dict[str, Tensor], scenes: DepthFrames | None) -> dict[str, float]:
    """What joint training left of the depth expert: AbsRel on held-out scenes; nothing without either."""
    if size.depth is None or scenes is None or not len(scenes.select("heldout")):
        return {}
    model = build(lambda: DepthVLA(size), weights, "policy")
    pred = predict(model.look, scenes.select("heldout").images)
    show_held_out(job, pred, scenes, "after joint training: input, predicted depth, true depth")
    return score_held_out(pred, scenes)
