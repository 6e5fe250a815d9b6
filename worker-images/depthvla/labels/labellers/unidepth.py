"""UniDepth V2 (Piccinelli et al. 2025), through its own package.

https://github.com/lpiccinelli-eth/UniDepth: `UniDepthV2.from_pretrained(folder)` and `infer(rgb)`, which normalises,
pads and scales by itself, and guesses the camera's intrinsics. What it calls `confidence` is exp of the predicted error
of log depth, so the more, the less sure (its issue 143; `unidepth/ops/losses/confidence.py`): here confidence is one
over it. Package and weights are CC BY-NC 4.0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from depthvla.labels.labellers.kinds import Precision
from depthvla.labels.labellers.labeller import Batch, Look, Settled, as_seen
from depthvla.labels.labellers.model_files import ModelFolder, digest_of, digest_of_code
from depthvla.labels.labellers.precision import computing_in
from depthvla.runtime.failure import CONFIG, WorkerError


class UniDepth:
    """Raises:
    WorkerError: LABELLER_MISSING, MODEL_INVALID.
    """

    name = "unidepth-v2"
    common = 0

    def __init__(self, folder: ModelFolder, device: torch.device, precision: Precision) -> None:
        try:
            from unidepth.models import UniDepthV2
        except ImportError as error:
            raise WorkerError(
                "LABELLER_MISSING",
                f"UniDepth V2 needs the package `unidepth`, which is not installed ({error})",
                hint="pip install git+https://github.com/lpiccinelli-eth/UniDepth in the worker's environment or image "
                "(CC BY-NC 4.0; it needs torchvision)",
                exit_code=CONFIG,
            ) from error
        files = folder.digests()
        try:
            self._model = UniDepthV2.from_pretrained(str(folder.path)).eval().to(device)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            message = f"{folder.path} is no UniDepth V2 that can be read: {error}"
            raise WorkerError("MODEL_INVALID", message, exit_code=CONFIG) from error
        self._model.interpolation_mode = "bilinear"
        self._device, self._precision = device, precision
        self.models = folder.weights(files)
        self.digest = digest_of(
            {
                "labeller": self.name,
                "files": files,
                "revision": folder.revision,
                "precision": precision,
                "code": digest_of_code(__file__),
            }
        )

    def prepare(self, batch: Batch) -> Callable[[], Look]:
        pictures = torch.from_numpy(np.ascontiguousarray(batch.images.transpose(0, 3, 1, 2)))
        return lambda: self._look(pictures)

    def settle(self, _looks: Look) -> Settled:
        return Settled(as_seen)

    @torch.inference_mode()
    def _look(self, pictures: torch.Tensor) -> Look:
        with computing_in(self._precision, self._device):
            said = self._model.infer(pictures.to(self._device))
        depth, error = said["depth"][:, 0].float(), said["confidence"][:, 0].float()
        return Look(metres=depth.cpu().numpy(), confidence=(1.0 / error.clamp_min(1.0)).cpu().numpy())
