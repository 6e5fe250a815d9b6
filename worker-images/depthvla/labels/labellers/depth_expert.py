"""Our own depth expert as a labeller."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from depthvla.data.pictures import fit_image, middle, pick
from depthvla.labels.labellers.kinds import Precision
from depthvla.labels.labellers.labeller import Batch, Look, Settled, as_seen
from depthvla.labels.labellers.model_files import ModelFolder, digest_of, digest_of_code
from depthvla.labels.labellers.precision import computing_in
from depthvla.model.build import build
from depthvla.model.depth import DepthExpert
from depthvla.model.files import load_model


class DepthExpertLabeller:
    """It sees the middle square of a picture; what lies beside it has no depth.

    Args:
        batch_size: pictures at once; a smaller batch is filled up, so that a picture's depth doesn't depend on it.

    Raises:
        WorkerError: MODEL_INVALID.
    """

    name = "depth-expert"
    common = 0

    def __init__(self, folder: ModelFolder, batch_size: int, device: torch.device, precision: Precision) -> None:
        saved = load_model(folder.path, "depth-expert")
        self._model = build(lambda: DepthExpert(saved.config), saved.weights, str(folder.path)).eval().to(device)
        self._size, self._batch, self._device, self._precision = saved.config.image, batch_size, device, precision
        files = folder.digests()
        self.models = folder.weights(files)
        code = digest_of_code(__file__)
        self.digest = digest_of({"labeller": self.name, "files": files, "precision": precision, "code": code})

    def prepare(self, batch: Batch) -> Callable[[], Look]:
        pictures = np.zeros((max(self._batch, len(batch.images)), self._size, self._size, 3), np.uint8)
        for i, image in enumerate(batch.images):
            pictures[i] = fit_image(image, self._size)
        height, width = batch.images.shape[1:3]
        return lambda: Look(_spread(self._look(pictures)[: len(batch.images)], height, width))

    def settle(self, _looks: Look) -> Settled:
        return Settled(as_seen)

    @torch.inference_mode()
    def _look(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        with computing_in(self._precision, self._device):
            depth = self._model(torch.from_numpy(pictures).to(self._device)).float().exp()
        return np.asarray(depth.cpu().numpy(), np.float32)


def _spread(depth: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Depth ``[B, s, s]`` of the middle square as that of the whole picture ``[B, H, W]``; 0 beside the square."""
    if depth.shape[1:] == (height, width):
        return depth
    window = middle(height, width)
    place = pick(0, depth.shape[1], window.side)
    out = np.zeros((len(depth), height, width), np.float32)
    rows, columns = slice(window.top, window.top + window.side), slice(window.left, window.left + window.side)
    out[:, rows, columns] = depth[:, place[:, None], place]
    return out
