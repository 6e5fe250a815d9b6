"""Joint training: L = L_si + L_flow (DepthVLA, eq. 3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from depthvla.data.prefetch import Prefetch
from depthvla.losses import flow, measured, pictures_measured, silog
from depthvla.model.depthvla import DepthVLA, Prefix
from depthvla.runtime.distributed import total
from depthvla.runtime.job import Job
from depthvla.training.batch import Batch, Moments, Scenes, each
from depthvla.training.demonstrations import Demonstrations
from depthvla.training.scenes import SceneData


@dataclass(frozen=True)
class JointSettings:
    batch_size: int
    scene_batch_size: int
    noise_draws: int
    depth_loss_weight: float
    seed: int


class FlowAndDepth(nn.Module):
    """The model as training calls it: one forward pass, all that the losses need. (FSDP hooks on `forward`.)"""

    def __init__(self, model: DepthVLA) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Velocities ``[b, K, H, A]`` and log metres ``[b × D + s, H, W]``."""
        m = batch.moments
        scenes = None if batch.scenes is None else batch.scenes.images
        prefix: Prefix = self.model.prefix(m.observation, depth_images=scenes)
        return self.model.velocity(prefix, m.noisy, m.time), prefix.log_depth


class JointLoss:
    """Flow matching on demonstrations, scale-invariant depth on what is known of theirs and on scenes. Close it."""

    def __init__(
        self, model: FlowAndDepth, demonstrations: Demonstrations, scenes: SceneData | None, job: Job,
        s: JointSettings,
    ) -> None:  # fmt: skip
        self.model, self.demonstrations, self.job, self.s = model, demonstrations, job, s
        deep = scenes is not None or demonstrations.mixture.settings.depth != "none"
        self.with_depth = model.model.config.predicts_depth and s.depth_loss_weight > 0 and deep
        self.scenes = scenes if self.with_depth else None
        self.device = next(model.parameters()).device
        self._moments: Prefetch[Moments] | None = None
        self._pictures = self._unknown = 0
        self._scenes: Prefetch[Scenes] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return ("flow", "depth") if self.with_depth else ("flow",)

    def draw(self, step: int) -> list[float]:
        if self._moments is None or self._moments.next != step:
            self._begin(step)
        assert self._moments is not None
        batch = Batch(self._moments.take(), None if self._scenes is None else self._scenes.take())
        self.batch = each(batch, lambda t: t.pin_memory()) if self.device.type == "cuda" else batch
        self._count_unknown(batch.moments)
        counts = [float(self.batch.moments.keep.sum())]
        return [*counts, float(_count_pictures(self.batch))] if self.with_depth else counts

    def forward(self, part: int, parts: int) -> list[Tensor]:
        batch = each(self.batch.part(part, parts), lambda t: t.to(self.device, non_blocking=True))
        m = batch.moments
        velocity, log_depth = self.model(batch)
        sums = [flow(velocity, m.velocity, m.keep, m.has)]
        if self.with_depth:
            assert log_depth is not None
            depth, weight = depth_of(m, batch.scenes, log_depth)
            sums.append(self.s.depth_loss_weight * silog(log_depth, depth, weight=weight))
        return sums

    def say_what_was_left_out(self) -> None:
        """Tells how many pictures of demonstrations came without any depth, since this attempt began. A collective."""
        pictures, unknown = total([float(self._pictures), float(self._unknown)], self.device)
        if unknown and self.job.rank == 0:
            what = f"{unknown:,.0f} of {pictures:,.0f} pictures of demonstrations had no pixel of known depth"
            self.job.events.warning(f"{what}: they counted nothing in what is learnt of depth")

    def _count_unknown(self, m: Moments) -> None:
        depth = m.observation.depth if m.depth is None else m.depth
        if depth is None:
            return
        present = m.observation.present
        there = depth.new_ones(depth.shape[:2], dtype=torch.bool) if present is None else present[:, : depth.shape[1]]
        self._pictures += int(there.sum())
        self._unknown += int((there & ~measured(depth, m.weight).flatten(2).any(dim=2)).sum())

    def close(self) -> None:
        """Ends the threads that read ahead."""
        for ahead in (self._moments, self._scenes):
            if ahead is not None:
                ahead.close()

    def _begin(self, step: int) -> None:
        """Reads ahead from a step on."""
        self.close()
        threads = max(1, self.job.threads // 2)
        self._moments = Prefetch(self._read_moments, step, threads=threads, ahead=2 * threads)
        if self.scenes is not None:
            # One thread: a stream is read forward, and reads the rows of a batch side by side.
            self._scenes = Prefetch(self._read_scenes, step, threads=1, ahead=2)

    def _read_moments(self, step: int) -> Moments:
        s, job = self.s, self.job
        return self.demonstrations.read(
            step, size=s.batch_size, draws=s.noise_draws, seed=s.seed, rank=job.rank, world=job.world
        )

    def _read_scenes(self, step: int) -> Scenes:
        assert self.scenes is not None
        return Scenes(*self.scenes.draw(step, self.s.scene_batch_size, self.job.rank, self.job.world))


def depth_of(m: Moments, scenes: Scenes | None, like: Tensor) -> tuple[Tensor, Tensor | None]:
    """Metres ``[b × D + s, H, W]`` in the order in which depth is predicted, and what its pixels count."""
    further = like.new_zeros(0, *like.shape[1:]) if scenes is None else scenes.depth
    own = like.new_zeros(len(like) - len(further), *like.shape[1:]) if m.depth is None else m.depth.flatten(0, 1)
    weight = None if m.weight is None else torch.cat((m.weight.flatten(0, 1), torch.ones_like(further)))
    return torch.cat((own, further)), weight


def _count_pictures(batch: Batch) -> int:
    m, scenes = batch.moments, batch.scenes
    own = 0 if scenes is None else pictures_measured(scenes.depth)
    if m.depth is None:
        return own
    return own + pictures_measured(m.depth.flatten(0, 1), None if m.weight is None else m.weight.flatten(0, 1))
