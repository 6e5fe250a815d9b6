"""Joint training: L = L_si + L_flow (DepthVLA, eq. 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from depthvla.data.demos import Demos
from depthvla.data.frames import DepthFrames
from depthvla.losses import flow, pictures_measured, silog
from depthvla.model.depthvla import DepthVLA, Prefix
from depthvla.model.flow import draw_time, interpolate
from depthvla.model.normalisation import Normalisation
from depthvla.model.observation import Observation
from depthvla.model.text import Tokenizer, tokenize
from depthvla.runtime import seeds
from depthvla.runtime.job import Job
from depthvla.training.depth import draw_frames

D = TypeVar("D", "Batch", Observation)


@dataclass(frozen=True)
class JointData:
    demos: Demos
    stats: Normalisation
    cameras: tuple[str, ...]
    tokenizer: Tokenizer
    labels: NDArray[np.float32] | None
    """Pseudo depth of the demonstrations, metres ``[N, H, W]``."""
    scenes: DepthFrames | None
    """Frames with measured depth from any camera, of both splits. Those to train on serve the depth loss alone: the
    demonstrations' one camera would make the depth expert forget all others."""


@dataclass(frozen=True)
class JointSettings:
    batch_size: int
    scene_batch_size: int
    noise_draws: int
    depth_loss_weight: float
    seed: int


@dataclass(frozen=True)
class Batch:
    """One rank's part of a step; b pictures of demonstrations, s of scenes."""

    observation: Observation
    noisy: Tensor
    """``[b, K, H, A]``"""
    time: Tensor
    velocity: Tensor
    keep: Tensor
    """bool ``[b, H]``"""
    scenes: Tensor | None
    """uint8 ``[s, H, W, 3]``"""
    depth: Tensor | None
    """metres ``[b + s, H, W]``"""

    def part(self, part: int, parts: int) -> Batch:
        """One of so many equal parts, both of demonstrations and of scenes."""
        b = len(self.noisy)
        rows = seeds.part(b, part, parts)
        scenes = self.scenes
        depth = [] if self.depth is None else [self.depth[:b][rows]]
        if scenes is not None and self.depth is not None:
            of_scenes = seeds.part(len(scenes), part, parts)
            scenes = scenes[of_scenes]
            depth.append(self.depth[b:][of_scenes])
        return Batch(
            observation=_each(self.observation, lambda t: t[rows]),
            noisy=self.noisy[rows], time=self.time[rows], velocity=self.velocity[rows], keep=self.keep[rows],
            scenes=scenes, depth=torch.cat(depth) if depth else None,
        )  # fmt: skip

    def to(self, device: torch.device) -> Batch:
        observation = _each(self.observation, lambda t: t.to(device))
        return _each(replace(self, observation=observation), lambda t: t.to(device))


def _each(x: D, do: Callable[[Tensor], Tensor]) -> D:
    """A dataclass with something done to each of its own tensors."""
    tensors: dict[str, Any] = {name: do(t) for name, t in vars(x).items() if isinstance(t, Tensor)}
    return replace(x, **tensors)


class FlowAndDepth(nn.Module):
    """The model as training calls it: one forward pass, all that the losses need. (FSDP hooks on `forward`.)"""

    def __init__(self, model: DepthVLA) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Velocities ``[b, K, H, A]`` and log metres ``[b + s, H, W]``."""
        prefix: Prefix = self.model.prefix(batch.observation, depth_images=batch.scenes)
        return self.model.velocity(prefix, batch.noisy, batch.time), prefix.log_depth


class JointLoss:
    """Flow matching on demonstrations, scale-invariant depth on their pseudo labels and on scenes."""

    def __init__(self, model: FlowAndDepth, data: JointData, job: Job, s: JointSettings) -> None:
        self.model, self.data, self.job, self.s = model, data, job, s
        config = model.model.config
        self.config = config
        chunks, past = data.demos.chunks(config.horizon)
        self.actions, self.keep = data.stats.action(chunks), ~past
        self.state = data.stats.state(data.demos.state)
        self.words = tokenize(data.demos.instructions, data.tokenizer)[torch.from_numpy(data.demos.task).long()]
        self.with_depth = config.depth is not None and s.depth_loss_weight > 0 and (
            data.labels is not None or data.scenes is not None
        )  # fmt: skip
        self.scenes = data.scenes.select("train") if data.scenes else None
        self.device = next(model.parameters()).device

    @property
    def names(self) -> tuple[str, ...]:
        return ("flow", "depth") if self.with_depth else ("flow",)

    def draw(self, step: int) -> list[float]:
        s, n = self.s, len(self.data.demos)
        rows = seeds.part(s.batch_size, self.job.rank, self.job.world)
        index = seeds.batch(s.seed, step, s.batch_size, n)[rows]
        # Noise is drawn for the whole batch and then cut, so that it doesn't depend on the number of ranks.
        random = seeds.generator(s.seed, "flow", step)
        shape = (s.batch_size, s.noise_draws)
        time = draw_time(shape, random)[rows]
        noise = torch.randn(*shape, self.config.horizon, self.config.actions, generator=random)[rows]
        noisy, velocity = interpolate(torch.from_numpy(self.actions[index]), noise, time)
        scenes, depth = self._depth(step, index)
        keep = torch.from_numpy(self.keep[index])
        self.batch = Batch(
            observation=Observation(
                torch.from_numpy(self.data.demos.images[index])[:, None], self.words[index],
                torch.from_numpy(self.state[index]),
            ), noisy=noisy, time=time, velocity=velocity, keep=keep,
            scenes=scenes, depth=depth,
        )  # fmt: skip
        counts = [float(keep.sum())]
        return counts if depth is None else [*counts, float(pictures_measured(depth))]

    def forward(self, part: int, parts: int) -> list[Tensor]:
        batch = self.batch.part(part, parts).to(self.device)
        velocity, log_depth = self.model(batch)
        sums = [flow(velocity, batch.velocity, batch.keep)]
        if self.with_depth:
            assert log_depth is not None
            assert batch.depth is not None
            sums.append(self.s.depth_loss_weight * silog(log_depth, batch.depth))
        return sums

    def _depth(self, step: int, index: NDArray[np.int64]) -> tuple[Tensor | None, Tensor | None]:
        """Pictures of scenes, and the depth that goes with those of the demonstrations and them."""
        if not self.with_depth:
            return None, None
        size = self.config.image
        labels = self.data.labels
        own = torch.zeros(len(index), size, size) if labels is None else torch.from_numpy(labels[index])
        if self.scenes is None:
            return None, own
        images, depth = draw_frames(self.scenes, self.job, self.s.seed, step, self.s.scene_batch_size)
        return images, torch.cat((own, depth))
