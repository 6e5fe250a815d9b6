"""Pretraining a depth expert on pictures with depth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from depthvla.data.prefetch import Prefetch
from depthvla.losses import pictures_measured, silog
from depthvla.runtime import seeds
from depthvla.runtime.job import Job
from depthvla.training.scenes import SceneData


class DepthLoss:
    """The scale-invariant loss on frames of a stream, which are read a step or two ahead. Close it."""

    names = ("depth",)

    def __init__(self, model: nn.Module, scenes: SceneData, job: Job, batch_size: int) -> None:
        self.model, self.scenes, self.job, self.batch_size = model, scenes, job, batch_size
        self.device = next(model.parameters()).device
        self._ahead: Prefetch[tuple[Tensor, Tensor]] | None = None

    def draw(self, step: int) -> list[float]:
        if self._ahead is None:
            # One thread: a stream is read forward, and reads the rows of a batch side by side.
            self._ahead = Prefetch(self._read, step, threads=1, ahead=2)
        self.images, self.depth = self._ahead.take()
        return [float(pictures_measured(self.depth))]

    def forward(self, part: int, parts: int) -> list[Tensor]:
        rows = seeds.part(len(self.images), part, parts)
        return [silog(self.model(self.images[rows].to(self.device)), self.depth[rows].to(self.device))]

    def close(self) -> None:
        """Ends the threads that read."""
        if self._ahead is not None:
            self._ahead.close()
        self.scenes.stream.close()

    def _read(self, step: int) -> tuple[Tensor, Tensor]:
        return self.scenes.draw(step, self.batch_size, self.job.rank, self.job.world)


@torch.inference_mode()
def predict(
    look: Callable[[Tensor], Tensor], images: NDArray[np.uint8], device: torch.device, batch: int = 32
) -> NDArray[np.float32]:
    """Metres ``[N, H, W]`` of pictures uint8 ``[N, H, W, 3]``, in batches of one fixed shape: what is predicted for
    a picture doesn't depend on the others.

    Args:
        look: pictures -> log metres, both on the device.
    """
    out = []
    for start in range(0, len(images), batch):
        part = images[start : start + batch]
        padded = np.concatenate((part, np.zeros((batch - len(part), *part.shape[1:]), np.uint8)))
        out.append(look(torch.from_numpy(padded).to(device)).exp()[: len(part)].cpu().numpy())
    return np.concatenate(out) if out else np.zeros((0, *images.shape[1:3]), np.float32)
