"""Samples of a mixture as the tensors that a policy learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthvla.data.mixture import Mixture, Sample
from depthvla.model.config import ModelConfig
from depthvla.model.flow import draw_time, interpolate
from depthvla.model.normalisation import Normalisation
from depthvla.model.observation import Observation
from depthvla.model.text import Tokenizer, tokenize
from depthvla.runtime import seeds
from depthvla.training.batch import Moments


@dataclass(frozen=True)
class Demonstrations:
    """A mixture, and how its samples become moments: a function of the step alone, so threads may read ahead.

    Attributes:
        blind: pictures are blacked out.
        weighted: pseudo depth counts by its labeller's confidence.
    """

    mixture: Mixture
    stats: Normalisation
    tokenizer: Tokenizer
    config: ModelConfig
    blind: bool = False
    weighted: bool = False

    def read(self, step: int, *, size: int, draws: int, seed: int, rank: int, world: int) -> Moments:
        """A rank's moments of a step. Noise is drawn for the whole batch and then cut, so that it doesn't depend on
        the number of ranks."""
        samples = self.mixture.batch(step, size, rank, world)
        rows, c = seeds.part(size, rank, world), self.config
        random = seeds.generator(seed, "flow", step)
        time = draw_time((size, draws), random)[rows]
        noise = torch.randn(size, draws, c.horizon, c.actions, generator=random)[rows]
        has = np.stack([s.has_action for s in samples])
        actions = np.where(has[:, None], self.stats.action(np.stack([s.action for s in samples])), np.float32(0))
        noisy, velocity = interpolate(torch.from_numpy(actions), noise, time)
        depth, weight = self._depth(samples)
        return Moments(
            observation=self._observe(samples, depth), noisy=noisy, time=time, velocity=velocity,
            keep=torch.from_numpy(~np.stack([s.past for s in samples])), has=torch.from_numpy(has),
            depth=depth if c.predicts_depth else None, weight=weight,
        )  # fmt: skip

    def _observe(self, samples: Sequence[Sample], depth: Tensor | None) -> Observation:
        cameras = self.mixture.cameras
        images = np.stack([np.stack([s.images[camera] for camera in cameras]) for s in samples])
        has = np.stack([s.has_state for s in samples])
        state = np.where(has, self.stats.state(np.stack([s.state for s in samples])), np.float32(0))
        present = torch.from_numpy(np.array([[s.seen[camera] for camera in cameras] for s in samples]))
        return Observation(
            torch.from_numpy(np.zeros_like(images) if self.blind else images),
            tokenize([s.instruction for s in samples], self.tokenizer), torch.from_numpy(state),
            present=present if len(cameras) > 1 else None,
            depth=depth if self.config.depth_input == "measured" else None,
        )  # fmt: skip

    def _depth(self, samples: Sequence[Sample]) -> tuple[Tensor | None, Tensor | None]:
        """Metres and weights ``[b, D, H, W]`` of the cameras that the depth expert sees; 0 where nothing is known."""
        if self.config.depth is None or self.mixture.settings.depth == "none":
            return None, None
        size = self.config.image
        nothing = np.zeros((size, size), np.float32)
        cameras = self.mixture.cameras[: self.config.depth_cameras]

        def stack(of: str) -> Tensor:
            views: list[list[NDArray[np.float32]]] = [
                [getattr(s, of).get(camera, nothing) for camera in cameras] for s in samples
            ]
            return torch.from_numpy(np.stack([np.stack(row) for row in views]))

        return stack("depth"), stack("confidence") if self.weighted else None
