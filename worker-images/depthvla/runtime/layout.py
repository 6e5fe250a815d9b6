"""Whether a checkpoint is of this model, this optimizer and this data."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.distributed.checkpoint.metadata import Metadata, TensorStorageMetadata

from depthvla.runtime.config import Json
from depthvla.runtime.failure import WorkerError, few


def check_layout(key: str, saved: Metadata, state: Mapping[str, Tensor]) -> None:
    """Whether it has the state's tensors, of their shapes and types, and no others. Other settings have other tensors:
    a preset its shapes, an optimizer its moments, a moving average one `ema.` each.

    Raises:
        WorkerError: CHECKPOINT_MISMATCH, naming them.
    """
    there = {name: t for name, t in saved.state_dict_metadata.items() if isinstance(t, TensorStorageMetadata)}
    differ = [
        f"{name} is {_kind(t.size, t.properties.dtype)}, expected {_kind(own.shape, own.dtype)}"
        for name, own in state.items()
        if (t := there.get(name)) is not None and (t.size, t.properties.dtype) != (own.shape, own.dtype)
    ]
    missing = [f"it has no {name}" for name in state if name not in there]
    further = [f"its {name} is not one of this training's" for name in there if name not in state]
    if problems := [few(found) for found in (differ, missing, further) if found]:
        raise _mismatch(key, "; ".join(problems))


def check_cursor(key: str, saved: Json, now: Mapping[str, Json]) -> None:
    """Whether it was made with what this training is made with.

    Raises:
        WorkerError: CHECKPOINT_MISMATCH, naming what differs.
    """
    there = saved if isinstance(saved, Mapping) else {}
    if problems := [
        f"{name} was {there.get(name)}, now {value}" for name, value in now.items() if there.get(name) != value
    ]:
        raise _mismatch(key, "; ".join(problems))


def _mismatch(key: str, what: str) -> WorkerError:
    hint = "it is of another preset, optimizer or data: start over with --no-cache, or go back to what it was made with"
    return WorkerError("CHECKPOINT_MISMATCH", f"checkpoint {key}: {what}", hint=hint)


def _kind(shape: tuple[int, ...], dtype: object) -> str:
    return f"{str(dtype).removeprefix('torch.')} {list(shape)}"
