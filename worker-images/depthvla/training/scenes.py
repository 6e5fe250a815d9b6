"""Pictures with depth as training reads them: a stream to learn from, and frames to be judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthvla.data.augment import Augmentation
from depthvla.data.rgbd_file import open_rgbd
from depthvla.data.rgbd_stream import MIRRORED, RgbdPart, RgbdSample, RgbdSettings, RgbdStream
from depthvla.data.scenes import FORMATS
from depthvla.labels import score
from depthvla.labels.panels import depth_panel
from depthvla.runtime.failure import CONFIG, DATA_ERROR, WorkerError
from depthvla.runtime.job import Job

PORTS = ("scenes", *FORMATS)
SHOWN = 6
"""Pictures on a sample sheet."""
_TYPICAL = 256
"""Frames from which it is judged what depth is like."""


@dataclass(frozen=True)
class Frames:
    """uint8 ``[N, H, W, 3]`` and metres ``[N, H, W]``."""

    images: NDArray[np.uint8]
    depth: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class SceneData:
    """
    Attributes:
        typical: some of the frames that are trained on.
        held_out: frames that are not, on the first rank, which judges.
    """

    stream: RgbdStream
    typical: Frames
    held_out: Frames

    def check_held_out(self) -> None:
        """Raises DATA_EMPTY where no scene is held out: before training, and on every rank, not only the first that
        judges."""
        if not any(part.of("heldout") for part in self.stream.parts):
            names = ", ".join(part.name for part in self.stream.parts)
            message = f"no scene of {names} is held out: what is learnt couldn't be judged"
            raise WorkerError("DATA_EMPTY", message, exit_code=DATA_ERROR)

    def draw(self, step: int, size: int, rank: int = 0, world: int = 1) -> tuple[Tensor, Tensor]:
        """A rank's frames of a step: uint8 ``[b, H, W, 3]`` and metres ``[b, H, W]``."""
        made = _stack(self.stream.batch(step, size, rank, world), self.stream.settings.size)
        return torch.from_numpy(made.images), torch.from_numpy(made.depth)


def open_scenes(
    job: Job, size: int, *, batch: int, seed: int, held_out: int = 512, augmentation: Augmentation = MIRRORED,
    weights: Sequence[str] = (), bad_share: float = 0.01,
) -> SceneData:  # fmt: skip
    """The inputs of `PORTS` as one stream.

    Args:
        size: height and width of the pictures.
        batch: frames of a step, over all ranks.
        held_out: frames to be judged by, at most.
        weights: `name=share` of datasets.
        bad_share: of frames, and of scenes, that may be broken.

    Raises:
        WorkerError: INPUT_MISSING, CONFIG_INVALID, DATA_BROKEN, DATA_EMPTY, MIXTURE_INVALID.
    """
    bound = [port for port in PORTS if job.has(port)] or ["scenes"]
    parts = [part for port in bound for part in open_rgbd(job.input(port), None if port == "scenes" else port)]
    settings = RgbdSettings(
        seed=seed, size=size, lanes=batch, bad_share=bad_share, augmentation=augmentation, threads=max(1, job.threads)
    )
    stream = RgbdStream(_weighted(parts, _shares(weights)), settings, job.events.warning)
    typical = _stack(list(stream.some("train", _TYPICAL)), size)
    return SceneData(stream, typical, _stack(list(stream.some("heldout", held_out)) if job.rank == 0 else [], size))


def show_held_out(job: Job, pred: NDArray[np.float32], scenes: SceneData, caption: str) -> None:
    """Shows some predictions beside what was measured."""
    rows = list(range(0, len(pred), max(1, len(pred) // SHOWN)))[:SHOWN]
    depth_panel(job.sample_path("depth.png"), scenes.held_out.images[rows], pred[rows], scenes.held_out.depth[rows])
    job.events.sample("depth", "samples/depth.png", caption)


def score_held_out(pred: NDArray[np.float32], scenes: SceneData) -> dict[str, float]:
    """AbsRel on held-out frames, beside that of the best constant, fitted on frames that are trained on."""
    truth = scenes.held_out.depth
    constant = np.full_like(truth, score.best_constant(scenes.typical.depth))
    return {
        "depth.absrel.random_camera": score.absrel(pred, truth),
        "depth.absrel.random_camera.best_constant": score.absrel(constant, truth),
    }


def _stack(samples: Sequence[RgbdSample], size: int) -> Frames:
    if not samples:
        return Frames(np.zeros((0, size, size, 3), np.uint8), np.zeros((0, size, size), np.float32))
    return Frames(np.stack([s.view.image for s in samples]), np.stack([s.view.depth for s in samples]))


def _shares(said: Sequence[str]) -> dict[str, float]:
    out = {}
    for entry in said:
        name, _, share = entry.partition("=")
        try:
            out[name] = float(share)
        except ValueError:
            out[name] = 0.0
        if not 0 < out[name] < float("inf"):
            raise _invalid(f"{entry!r}, expected name=share with a share above 0")
    return out


def _weighted(parts: Sequence[RgbdPart], shares: Mapping[str, float]) -> list[RgbdPart]:
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        raise WorkerError("MIXTURE_INVALID", f"two datasets have one name, among {names}", exit_code=CONFIG)
    for name in shares:
        if name not in names:
            raise _invalid(f"no dataset {name!r}; there are {', '.join(names)}")
    if shares and set(shares) != set(names):
        lacking = next(name for name in names if name not in shares)
        raise _invalid(f"no share for {lacking!r}: say those of all, or none")
    return [replace(part, weight=shares.get(part.name, part.weight)) for part in parts]


def _invalid(problem: str) -> WorkerError:
    return WorkerError("CONFIG_INVALID", f"weights: {problem}", hint="mend `with:` of the stage", exit_code=CONFIG)
