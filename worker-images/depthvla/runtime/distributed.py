"""Ranks: how they meet, agree, and share a model.

Two ways to share, by the model's size: a copy on each rank, whose gradients are summed in one all-reduce in a fixed
order (at a few million parameters the fastest, and deterministic); or one copy for all, for models that don't fit
(`sharded.py`). Checkpoints are the same for both.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from depthvla.runtime.failure import CONFIG, WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.sharing import Precision

PATIENCE = datetime.timedelta(minutes=30)


def set_up_torch(job: Job) -> torch.device:
    """Determinism, threads, device. The same bits come out of the same job on the same number of ranks."""
    # Read when CUDA starts; without it cuBLAS may sum in another order each time, and torch refuses to use it.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(job.threads)
    return torch.device("cuda", 0) if _on_gpu(job) else torch.device("cpu")


def _on_gpu(job: Job) -> bool:
    return bool(job.gpus) and torch.cuda.is_available()


@contextmanager
def process_group(job: Job) -> Iterator[None]:
    """The ranks of this attempt, met at MASTER_ADDR:MASTER_PORT; nothing to do for one rank."""
    if job.world == 1:
        yield
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if _on_gpu(job) else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def total(values: list[float], device: torch.device) -> list[float]:
    """Sums over the ranks of a few numbers; every rank gets the same."""
    if not dist.is_initialized():
        return values
    t = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(t)
    return [float(x) for x in t.tolist()]


def check_precision(precision: Precision, device: torch.device) -> None:
    """Whether this device computes in it, not only emulates it.

    Raises:
        WorkerError: PRECISION_UNSUPPORTED.
    """
    if precision == "fp32":
        return
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        able = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    if not able:
        raise WorkerError(
            "PRECISION_UNSUPPORTED", f"precision: bf16 can't be computed in on this {device.type}",
            hint="use `precision: fp32`, or a GPU from Ampere on", exit_code=CONFIG,
        )  # fmt: skip


def sum_gradients(parameters: list[nn.Parameter]) -> None:
    """Makes each gradient the sum over the ranks. Those of a model that is cut up were summed while going backward."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not dist.is_initialized() or any(isinstance(g, DTensor) for g in gradients):
        return
    # One buffer, one collective: with gloo a call costs more than a megabyte.
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    place = 0
    for g in gradients:
        g.copy_(flat[place : place + g.numel()].view_as(g))
        place += g.numel()


def whole(tensor: Tensor) -> Tensor:
    """The whole of a tensor that may be sharded; a collective then."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def whole_state(model: nn.Module) -> dict[str, Tensor]:
    """All weights, whole and in host memory, on rank 0; nothing on the others. A collective."""
    keep = not dist.is_initialized() or dist.get_rank() == 0
    kept = {}
    for name, t in model.state_dict().items():
        full = whole(t.detach())
        if keep:
            kept[name] = full.cpu()
    return kept
