"""A model that all ranks train, placed as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from depthvla.model import attention
from depthvla.model.units import layers, units
from depthvla.runtime.distributed import check_precision
from depthvla.runtime.job import Job
from depthvla.runtime.sharded import cut, mesh_of, spread
from depthvla.runtime.wrapping import compile_each, recompute
from depthvla.training.settings import TrainingSettings

M = TypeVar("M", bound=nn.Module)


def share(
    make: Callable[[], M], fill: Callable[[M], None], settings: TrainingSettings, job: Job, device: torch.device
) -> M:
    """Makes a model and gives it its weights: the same on each number of ranks, however they share it.

    `replicate`: each rank makes the whole. Cut up (`shard`, `hybrid`): each makes it of shapes alone (meta device),
    cuts it, takes memory for its parts, and gets them from rank 0, which alone has the whole, in host memory. A device
    holds no more than its parts and one whole tensor. Call it inside of the process group.

    Args:
        make: a model with random weights from the global generators, and with what isn't trained frozen.
        fill: gives it the weights that it starts from instead, where there are some.

    Raises:
        WorkerError: PRECISION_UNSUPPORTED, ATTENTION_UNSUPPORTED, RANKS_UNEVEN, and what `fill` finds.
    """
    check_precision(settings.precision, device)
    attention.choose(settings.attention, device)
    if job.world == 1 or settings.sharing == "replicate":
        model = make()
        fill(model)
        return _wrap(model.to(device), settings)
    with torch.device("meta"):
        model = _wrap(make(), settings)
    whole: M | None = None
    if job.rank == 0:
        whole = make()
        fill(whole)
    cut(model, units(model), mesh_of(job, settings.sharing, device), settings.precision)
    model.to_empty(device=device)
    spread(model, whole, device)
    return model


def _wrap(model: M, settings: TrainingSettings) -> M:
    if settings.compile:
        compile_each(layers(model))
    if settings.recompute:
        recompute(layers(model))
    return model
