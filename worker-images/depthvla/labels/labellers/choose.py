"""The labeller that a config asks for."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from depthvla.labels.labellers.kinds import Kind, Precision, Single
from depthvla.labels.labellers.labeller import Labeller
from depthvla.labels.labellers.model_files import ModelFolder


@dataclass(frozen=True)
class How:
    """What labellers are run with."""

    batch_size: int
    device: torch.device
    precision: Precision = "float32"


def open_labeller(
    kind: Kind, model: ModelFolder, how: How, metric: tuple[Single, ModelFolder] | None = None
) -> Labeller:
    """Loads what is needed, and nothing of the others.

    Args:
        metric: what `fused` has its metres from.

    Raises:
        WorkerError: MODEL_INVALID, LABELLER_MISSING.
    """
    if kind != "fused":
        return _open_single(kind, model, how)
    from depthvla.labels.labellers.fused import Fused

    assert metric is not None
    return Fused(_open_single("depth-anything-v2", model, how), _open_single(metric[0], metric[1], how))


def _open_single(kind: Single, model: ModelFolder, how: How) -> Labeller:
    match kind:
        case "depth-expert":
            from depthvla.labels.labellers.depth_expert import DepthExpertLabeller

            return DepthExpertLabeller(model, how.batch_size, how.device, how.precision)
        case "depth-anything-v2":
            from depthvla.labels.labellers.depth_anything import DepthAnything

            return DepthAnything(model, how.device, how.precision)
        case "unidepth-v2":
            from depthvla.labels.labellers.unidepth import UniDepth

            return UniDepth(model, how.device, how.precision)
