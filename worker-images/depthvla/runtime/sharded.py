"""Models that are cut up over ranks (FSDP2), with no whole copy on any device at any time.

Written after PyTorch's FSDP2 documentation; tried with gloo on CPUs.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from itertools import chain

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from depthvla.runtime.failure import USAGE, WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.sharing import Precision, Sharing


def mesh_of(job: Job, how: Sharing, device: torch.device) -> DeviceMesh:
    """The ranks in a row, or for `hybrid` hosts × ranks of a host.

    Raises:
        WorkerError: RANKS_UNEVEN, where hosts have different numbers of ranks.
    """
    if how != "hybrid":
        return init_device_mesh(device.type, (job.world,))
    if job.world % job.local_world:
        raise WorkerError(
            "RANKS_UNEVEN", f"{job.world} ranks can't be {job.local_world} on each host",
            hint="use `sharing: shard`, or as many ranks on each host", exit_code=USAGE,
        )  # fmt: skip
    shape = (job.world // job.local_world, job.local_world)
    return init_device_mesh(device.type, shape, mesh_dim_names=("replicate", "shard"))


def cut(model: nn.Module, units: Iterable[nn.Module], mesh: DeviceMesh, precision: Precision) -> None:
    """Cuts a model up: each unit is gathered when it is called and given back after it; what is in none of them
    (norms, heads, embeddings of patches) stays gathered through a step.

    Gradients are summed over the ranks in float32, not averaged: losses are divided by counts over all ranks. With
    `bf16` units are gathered in bfloat16. What is in no unit stays float32, and autocast does the rest.
    """
    # Queries, keys and values are views of one product; nothing is done to them in place, which is what that is about.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view tensor", UserWarning)
    exact = MixedPrecisionPolicy(cast_forward_inputs=False)
    halved = MixedPrecisionPolicy(torch.bfloat16, torch.float32, cast_forward_inputs=False)
    for unit in units:
        fully_shard(unit, mesh=mesh, mp_policy=halved if precision == "bf16" else exact)
    fully_shard(model, mesh=mesh, mp_policy=exact)
    for part in model.modules():
        if isinstance(part, FSDPModule):
            part.set_gradient_divide_factor(1.0)
            part.set_force_sum_reduction_for_comms(True)  # gloo knows no other


@torch.no_grad()
def spread(model: nn.Module, whole: nn.Module | None, device: torch.device) -> None:
    """Gives a cut model the weights and buffers of a whole one, tensor by tensor.

    Args:
        model: on every rank, with uninitialised memory.
        whole: on rank 0, in host memory; None on the others.
    """
    source = dict(chain(whole.named_parameters(), whole.named_buffers())) if whole else {}
    for name, t in chain(model.named_parameters(), model.named_buffers()):
        full = torch.empty(t.shape, dtype=t.dtype, device=device)
        if whole:
            full.copy_(source[name])
        dist.broadcast(full, 0)
        t.copy_(
            distribute_tensor(full, t.device_mesh, t.placements, src_data_rank=None) if isinstance(t, DTensor) else full
        )


def sum_at_next_backward(model: nn.Module, now: bool) -> None:
    """Whether the next backward pass sums gradients over the ranks, or only adds them up on each (in float32, whole:
    that needs memory for one copy of the model)."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(now)
