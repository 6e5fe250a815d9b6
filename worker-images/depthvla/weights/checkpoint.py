"""A Hugging Face checkpoint on disk: `config.json`, and safetensors in one file or in shards with an index.

Nothing is read until it is asked for, tensor by tensor: a model of three billion parameters needs no second copy.
Sources: https://huggingface.co/docs/safetensors, and `save_pretrained` of transformers (`model.safetensors`,
`model.safetensors.index.json` with a `weight_map`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from depthvla.runtime.config import Json
from depthvla.runtime.failure import WorkerError

CONFIG = "config.json"
PICTURES = "preprocessor_config.json"
WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class Stored:
    """A tensor, as its file's header describes it."""

    file: str
    shape: tuple[int, ...]
    dtype: str
    """As safetensors spells it: F32, BF16, …"""


@dataclass(frozen=True)
class Checkpoint:
    folder: Path
    config: Mapping[str, Json]
    pictures: Mapping[str, Json]
    """How pictures are prepared for it; empty where the checkpoint doesn't say."""
    tensors: Mapping[str, Stored]
    _files: Mapping[str, Any]

    def read(self, name: str) -> Tensor:
        """A tensor, in host memory and of the type that it is stored in. It may be a view of the file: copy it.

        Raises:
            WorkerError: WEIGHTS_INVALID.
        """
        file = self.tensors[name].file
        try:
            tensor: Tensor = self._files[file].get_tensor(name)
        except (OSError, SafetensorError) as error:
            raise invalid(f"{self.folder / file}: {name} can't be read: {error}") from error
        return tensor


def invalid(message: str, hint: str | None = None) -> WorkerError:
    return WorkerError("WEIGHTS_INVALID", message, hint=hint)


@contextmanager
def open_checkpoint(folder: Path) -> Iterator[Checkpoint]:
    """Opens a folder as `save_pretrained` writes it, or as the hub has it.

    Raises:
        WorkerError: WEIGHTS_INVALID, naming the file.
    """
    config = _json(folder / CONFIG)
    pictures = _json(folder / PICTURES) if (folder / PICTURES).exists() else {}
    with ExitStack() as stack:
        files: dict[str, Any] = {}
        tensors: dict[str, Stored] = {}
        index = _index(folder)
        for name in sorted(set(index.values())) if index else [WHOLE]:
            files[name] = opened = stack.enter_context(_open(folder, name))
            for tensor in opened.keys():  # noqa: SIM118 (it is no mapping)
                if index and index.get(tensor) != name:
                    raise invalid(f"{folder / INDEX} puts {tensor} into {index.get(tensor)}, it is in {name}")
                part = opened.get_slice(tensor)
                tensors[tensor] = Stored(name, tuple(part.get_shape()), part.get_dtype())
        if lost := sorted(set(index) - set(tensors)):
            raise invalid(f"{folder / index[lost[0]]} has no tensor {lost[0]}, {INDEX} says that it is there")
        yield Checkpoint(folder, config, pictures, tensors, files)


def _index(folder: Path) -> dict[str, str]:
    """File of each tensor; empty for a checkpoint in one file."""
    if (folder / WHOLE).exists():
        return {}
    if not (folder / INDEX).exists():
        pickled = sorted(p.name for p in folder.glob("*.bin")) if folder.is_dir() else []
        found = f"only {pickled[0]}, which isn't read: it could run code" if pickled else "neither is there"
        raise invalid(f"{folder} needs {WHOLE}, or {INDEX} with its shards: {found}")
    found_map = _json(folder / INDEX).get("weight_map")
    if not isinstance(found_map, dict) or not all(isinstance(f, str) and "/" not in f for f in found_map.values()):
        raise invalid(f"{folder / INDEX}: `weight_map` must name a file of this folder for each tensor")
    return {str(name): str(file) for name, file in found_map.items()}


def _open(folder: Path, name: str) -> Any:
    try:
        return safe_open(folder / name, framework="pt", device="cpu")
    except FileNotFoundError as error:
        raise invalid(f"{folder / name} is missing", "copy or download the checkpoint again") from error
    except (OSError, SafetensorError) as error:
        raise invalid(f"{folder / name} can't be read: {error}", "copy or download the checkpoint again") from error


def _json(path: Path) -> Mapping[str, Json]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise invalid(f"{path} can't be read: {error}") from error
    if not isinstance(found, dict):
        raise invalid(f"{path} must hold an object")
    return found
