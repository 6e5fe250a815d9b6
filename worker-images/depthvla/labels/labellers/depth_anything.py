"""Depth Anything V2, relative and metric, through Hugging Face's transformers (Yang et al. 2024).

The picture is prepared as the model's own `preprocessor_config.json` says (published models: the side nearer to 518 is
brought to it, the other keeps the ratio, both multiples of 14; bicubic; ImageNet's mean and standard deviation), always
with Pillow, so that it doesn't matter what else is installed. What the model says is brought to the picture's size by
bicubic interpolation, as its processor does. `depth_estimation_type` of config.json says what it means: `relative` is
inverse depth up to scale and shift, `metric` is metres.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from depthvla.labels.labellers.kinds import Precision
from depthvla.labels.labellers.labeller import Batch, Look, Settled, as_seen
from depthvla.labels.labellers.model_files import ModelFolder, digest_of, digest_of_code
from depthvla.labels.labellers.precision import computing_in
from depthvla.runtime.failure import CONFIG, WorkerError


class DepthAnything:
    """
    Attributes:
        metric: whether it knows metres.

    Raises:
        WorkerError: MODEL_INVALID.
    """

    name = "depth-anything-v2"
    common = 0

    def __init__(self, folder: ModelFolder, device: torch.device, precision: Precision) -> None:
        try:
            kind = json.loads((folder.path / "config.json").read_text())
            if kind.get("model_type") != "depth_anything":
                raise ValueError(f"config.json: model_type is {kind.get('model_type')!r}, expected 'depth_anything'")
            # Slow to import, and of no use to the other labellers.
            from transformers import AutoImageProcessor, AutoModelForDepthEstimation

            processors: Any = AutoImageProcessor
            self._processor = processors.from_pretrained(folder.path, backend="pil", local_files_only=True)
            model, loaded = AutoModelForDepthEstimation.from_pretrained(
                folder.path, local_files_only=True, output_loading_info=True, dtype=torch.float32
            )
            if wrong := {what: sorted(names) for what, names in loaded.items() if names and what != "error_msgs"}:
                raise ValueError(f"the weights are not this model's: {wrong}")
        except (OSError, ValueError, RuntimeError) as error:
            message = f"{folder.path} is no Depth Anything V2 that can be read: {error}"
            raise WorkerError("MODEL_INVALID", message, exit_code=CONFIG) from error
        self.metric = model.config.depth_estimation_type == "metric"
        self._model = model.eval().to(device)
        self._device, self._precision = device, precision
        files = folder.digests()
        self.models = folder.weights(files)
        self.digest = digest_of(
            {
                "labeller": self.name,
                "files": files,
                "revision": folder.revision,
                "preprocessing": json.loads(json.dumps(self._processor.to_dict())),
                "precision": precision,
                "code": digest_of_code(__file__),
            }
        )

    def prepare(self, batch: Batch) -> Callable[[], Look]:
        pixels = self._processor(images=list(batch.images), return_tensors="pt")["pixel_values"]
        size = batch.images.shape[1:3]
        return lambda: self._look(pixels, size)

    def settle(self, _looks: Look) -> Settled:
        if not self.metric:
            raise WorkerError(
                "LABELLER_RELATIVE",
                "this Depth Anything V2 knows no metres (config.json: depth_estimation_type is 'relative')",
                hint="label with a metric one, or with `labeller: fused` and a metric model beside it",
                exit_code=CONFIG,
            )
        return Settled(as_seen)

    @torch.inference_mode()
    def _look(self, pixels: torch.Tensor, size: tuple[int, int]) -> Look:
        with computing_in(self._precision, self._device):
            said = self._model(pixel_values=pixels.to(self._device)).predicted_depth
        whole = F.interpolate(said.float()[:, None], size=size, mode="bicubic", align_corners=False)[:, 0]
        # Between near and far the interpolation may overshoot, below zero too.
        seen: NDArray[np.float32] = whole.clamp_min(0.0).cpu().numpy()
        return Look(metres=seen) if self.metric else Look(relative=seen)
