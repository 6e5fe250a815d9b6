"""What `train_vla` reads before training, and what it leaves after."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from depthvla.data.augment import FOR_ACTIONS, PLAIN
from depthvla.data.measure_statistics import measure_statistics, unlike_units
from depthvla.data.mixture import Depth, Mixture, MixtureSettings
from depthvla.data.mixture_file import Labels, open_mixture
from depthvla.data.statistics import FILE as STATISTICS
from depthvla.data.statistics import read_statistics
from depthvla.labels.score import mean_log
from depthvla.model.build import build, copy_weights
from depthvla.model.config import ModelConfig
from depthvla.model.depthvla import DepthVLA
from depthvla.model.export import KIND, Made, export_policy
from depthvla.model.files import load_model
from depthvla.model.normalisation import Normalisation
from depthvla.model.presets import PRESETS, with_depth
from depthvla.model.text import fits, open_tokenizer
from depthvla.runtime.config import Json
from depthvla.runtime.failure import CONFIG, WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.versions import versions
from depthvla.training.demonstrations import Demonstrations
from depthvla.training.depth import predict
from depthvla.training.joint import FlowAndDepth
from depthvla.training.scenes import SceneData, open_scenes, score_held_out, show_held_out
from depthvla.weights.hub import checkpoint_folder

if TYPE_CHECKING:
    from depthvla.stages.train_vla import Config

SENTENCES = 200
"""Instructions that a policy is exported with, for people to read: of larger data sets, some."""


@dataclass(frozen=True)
class JointData:
    """What joint training reads.

    Attributes:
        scenes: frames with measured depth from any camera. They serve the depth loss alone: the demonstrations' few
            cameras would make the depth expert forget all others.
    """

    demonstrations: Demonstrations
    scenes: SceneData | None

    @property
    def cursor(self) -> dict[str, Json]:
        """What a checkpoint must have been made with to be gone on from."""
        demonstrations, scenes = self.demonstrations, self.scenes
        own: dict[str, Json] = {} if scenes is None else {"scenes": scenes.stream.digest}
        return {"statistics_sha256": demonstrations.stats.digest, "mixture": demonstrations.mixture.digest, **own}

    def close(self) -> None:
        """Ends the threads that read scenes."""
        if self.scenes is not None:
            self.scenes.stream.close()


def read_data(job: Job, config: Config) -> JointData:
    """Demonstrations, and what the depth loss needs, as far as this variant has one.

    Raises:
        WorkerError: CONFIG_INVALID, MODEL_INVALID, DATA_BROKEN, MIXTURE_INVALID, STATISTICS_INVALID, LABELS_INVALID,
            LABELS_CIRCULAR, TOKENIZER_INVALID.
    """
    preset = PRESETS[config.preset]
    _refuse_two_starts(job, config)
    folder = job.input("policy") if job.has("policy") else checkpoint_folder(job, "paligemma", config.paligemma)
    tokenizer = open_tokenizer(preset.text, folder)
    settings = MixtureSettings(
        seed=config.seed, horizon=config.horizon, size=preset.image, depth=depth_of_demonstrations(job, config),
        augmentation=FOR_ACTIONS if config.augment else PLAIN, bad_share=config.bad_share,
        unlabelled_share=config.unlabelled_share,
    )  # fmt: skip
    labels: Labels | None = None
    if settings.depth == "labels":
        labels = job.input("labels") if job.has("labels") else job.several("labels")
    mixture = open_mixture(
        job.input("demos"),
        settings,
        job.events.warning,
        labels,
        lambda sentence: fits(sentence, tokenizer),
        config.like,
    )
    size = size_of(config, mixture)
    _refuse_depth_unseen(size, mixture)
    _refuse_own_labels(job, mixture)
    scenes = None
    if job.has("scenes") and config.depth_expert and config.depth_input == "pictures":
        scenes = open_scenes(
            job, preset.image, batch=config.scene_batch_size, seed=config.seed, bad_share=config.bad_share
        )
    if config.with_depth_loss and settings.depth == "none" and scenes is None:
        job.events.warning("no depth loss: neither `labels` nor `scenes` is given")
    stats = read_normalisation(job, mixture)
    return JointData(Demonstrations(mixture, stats, tokenizer, size, config.blind, config.weigh_by_confidence), scenes)


def depth_of_demonstrations(job: Job, config: Config) -> Depth:
    """Where the depth that goes with demonstrations comes from, in this variant.

    Raises:
        WorkerError: CONFIG_INVALID.
    """
    if config.depth_input == "measured" and not config.depth_expert:
        raise WorkerError(
            "CONFIG_INVALID", "depth_input: measured depth goes into the depth expert, and `depth_expert` is off",
            hint="set one of the two back", exit_code=CONFIG,
        )  # fmt: skip
    if config.depth_input == "measured" or (config.with_depth_loss and config.depth_labels == "measured"):
        return "measured"
    several = [f"labels-{name}" for name in job.several("labels")]
    if job.has("labels") and several:
        raise WorkerError(
            "CONFIG_INVALID", f"inputs: `labels` is bound, and {', '.join(several)} as well",
            hint="bind the labels of all datasets as `labels`, or of each as `labels-<dataset>`", exit_code=CONFIG,
        )  # fmt: skip
    return "labels" if config.with_depth_loss and (job.has("labels") or several) else "none"


def _refuse_two_starts(job: Job, config: Config) -> None:
    others = [name for name in ("paligemma", "depth_expert") if job.has(name)]
    others += ["paligemma"] if config.paligemma else []
    if job.has("policy") and others:
        raise WorkerError(
            "CONFIG_INVALID",
            f"training starts from a policy, and {' and '.join(dict.fromkeys(others))} would be a start as well",
            hint=f"cut off one of them (`inputs: {{ {others[0]}: null }}`)", exit_code=CONFIG,
        )  # fmt: skip


def _refuse_depth_unseen(size: ModelConfig, mixture: Mixture) -> None:
    """There must be depth of the cameras that the depth expert sees: of all where it goes in, else of one."""
    seen, known = mixture.cameras[: size.depth_cameras], mixture.depth_cameras
    lacking = [camera for camera in seen if camera not in known]
    if mixture.settings.depth == "none" or not lacking:
        return
    if size.depth_input == "measured" or lacking == list(seen):
        raise WorkerError(
            "CONFIG_INVALID",
            f"depth_cameras: the depth expert sees {', '.join(seen)}, and there is depth of {', '.join(known)} only",
            hint="the first `depth_cameras` cameras are seen; `cameras` in mixture.json says in which order they are",
            exit_code=CONFIG,
        )


def _refuse_own_labels(job: Job, mixture: Mixture) -> None:
    made_by = {model for labels in mixture.labels if labels is not None for model in labels.models}
    if job.has("depth_expert") and load_model(job.input("depth_expert"), "depth-expert").digest in made_by:
        raise WorkerError(
            "LABELS_CIRCULAR",
            "the labels were made by the depth expert that training starts from",
            hint="label with another model: from its own answers a model learns nothing",
            exit_code=CONFIG,
        )


def read_normalisation(job: Job, mixture: Mixture) -> Normalisation:
    """From the statistics that a job has computed, or else measured on these demonstrations in the same way.

    Raises:
        WorkerError: STATISTICS_INVALID, DATA_BROKEN.
    """
    if not job.has("statistics"):
        measured = measure_statistics(mixture)
        for doubt in unlike_units(measured):
            job.events.warning(doubt)
        return Normalisation(measured)
    folder = job.input("statistics")
    statistics = read_statistics(folder)
    spreads = {"state": statistics.mixture.state, "action": statistics.mixture.action}
    for (name, spread), dimensions in zip(spreads.items(), mixture.dimensions(0), strict=True):
        if len(spread.q01) != len(dimensions):
            raise WorkerError(
                "STATISTICS_INVALID",
                f"{folder / STATISTICS}: {name} has {len(spread.q01)} dimensions, that of the demonstrations "
                f"{len(dimensions)}",
                hint="compute them of these demonstrations",
                exit_code=CONFIG,
            )
    return Normalisation(statistics)


def size_of(config: Config, mixture: Mixture) -> ModelConfig:
    """The preset, cut to this data and this variant.

    Raises:
        WorkerError: MODEL_INVALID.
    """
    preset = with_depth(PRESETS[config.preset], config.depth_layers, config.depth_pool)
    state, action = mixture.dimensions(0)
    return dataclasses.replace(
        preset,
        depth=preset.depth if config.depth_expert else None,
        block_mask=config.block_mask,
        cameras=len(mixture.cameras),
        depth_cameras=config.depth_cameras,
        depth_input=config.depth_input,
        state=len(state),
        actions=len(action),
        horizon=config.horizon,
    )


def make_trainee(config: Config, size: ModelConfig) -> FlowAndDepth:
    """The model with random weights, as training calls it; frozen what this variant freezes."""
    model = DepthVLA(size)
    if model.depth is not None and config.freeze_depth_expert:
        model.depth.requires_grad_(False)
    return FlowAndDepth(model)


def start_depth(job: Job, model: DepthVLA, scenes: SceneData | None) -> None:
    """Gives the depth expert its pretrained weights, or else the mean depth to start from.

    Raises:
        WorkerError: PRESET_MISMATCH.
    """
    if model.depth is None:
        return
    if job.has("depth_expert"):
        folder = job.input("depth_expert")
        weights = dict(load_model(folder, "depth-expert").weights)
        if model.depth.camera is not None:
            # It was pretrained on one camera; what marks the others starts at nothing.
            weights.setdefault("camera", model.depth.state_dict()["camera"])
        if model.depth.head is None:
            # It was pretrained to predict what is given to it here.
            weights = {name: t for name, t in weights.items() if not name.startswith("head.")}
        copy_weights(model.depth, weights, f"depth_expert {folder}")
    elif scenes is not None:
        model.depth.start_at(mean_log(scenes.typical.depth))


def start_policy(job: Job, model: DepthVLA) -> None:
    """Gives the model a policy's weights. What depends on the robot starts anew where this one has other widths: how
    states and actions go in and out.

    Raises:
        WorkerError: PRESET_MISMATCH.
    """
    folder = job.input("policy")
    saved = load_model(folder, KIND)
    was, now = saved.config, model.config
    anew: tuple[str, ...] = ("action.state.",) if was.state != now.state else ()
    if was.actions != now.actions:
        anew += ("action.noisy.", "action.velocity.")
    if was.depth_cameras != now.depth_cameras:
        anew += ("depth.camera",)
    own = {name: t for name, t in model.state_dict().items() if name.startswith(anew)}
    kept = {name: t for name, t in saved.weights.items() if not name.startswith(anew)}
    copy_weights(model, {**kept, **own}, f"policy {folder}")
    if own and job.rank == 0:
        job.events.warning(f"these weights of the policy have other widths here and start anew: {', '.join(own)}")


def write_policy(job: Job, data: JointData, weights: dict[str, Tensor]) -> None:
    """Writes the output `policy`."""
    d = data.demonstrations
    sentences = d.mixture.some_instructions(SENTENCES)
    inputs = {name: each.digest for name, each in sorted(job.inputs.items())}
    export_policy(
        job.output("policy"), d.config, weights, d.stats, d.tokenizer,
        cameras=d.mixture.cameras, instructions=sentences, blind=d.blind,
        made=Made(job.stage, job.job, inputs, versions()),
    )  # fmt: skip
    if pairs := d.tokenizer.collisions(sentences):
        shown = ", ".join(f"{a!r} and {b!r}" for a, b in pairs[:5])
        job.events.warning(f"{len(pairs)} pairs of words share a number, the policy can't tell them apart: {shown}")


def judge(
    job: Job, size: ModelConfig, weights: dict[str, Tensor], scenes: SceneData | None, device: torch.device
) -> dict[str, float]:
    """What joint training left of the depth expert: AbsRel on held-out scenes; nothing without either."""
    if not size.predicts_depth or scenes is None or not len(scenes.held_out):
        return {}
    model = build(lambda: DepthVLA(size), weights, "policy")
    # Behind the block mask the depth expert looks alone: there is no need for the rest beside what was trained.
    (model.depth if model.depth is not None and size.block_mask else model).to(device)
    pred = predict(model.look, scenes.held_out.images, device)
    show_held_out(job, pred, scenes, "after joint training: input, predicted depth, true depth")
    return score_held_out(pred, scenes)
