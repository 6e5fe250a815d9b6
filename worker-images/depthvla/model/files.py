"""Models as folders, in Hugging Face's layout: `model.safetensors`, or `model.safetensors.index.json` and the files
that it names, beside `config.json`.

`config.json` has the SHA-256 of each of these: weights that were changed or half copied are an error, not a model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from depthvla.model.config import ModelConfig, from_json, to_json
from depthvla.runtime.config import Json
from depthvla.runtime.failure import WorkerError

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"
LARGEST = 5_000_000_000
"""Bytes of tensors in one file, as Hugging Face cuts them. A tensor is never cut."""
_OURS = ("kind", "model", "files")


@dataclass(frozen=True)
class Saved:
    config: ModelConfig
    weights: Mapping[str, Tensor]
    """Mapped from the files: they take memory as they are read, and none twice."""
    extra: Mapping[str, Json]
    """Whatever else `config.json` says."""
    digest: str
    """Names the weights: SHA-256 of their file, or of the names and SHA-256s of all files."""


def save_model(
    folder: Path,
    kind: str,
    config: ModelConfig,
    weights: Mapping[str, Tensor],
    extra: Mapping[str, Json] | None = None,
    *,
    largest: int = LARGEST,
) -> str:
    """Writes a model. The same weights give the same bytes.

    Args:
        largest: bytes of a file; with more there are several, and an index.

    Returns:
        The digest that `load_model` will find.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = _cut({name: t.contiguous() for name, t in sorted(weights.items())}, largest)
    names = [WEIGHTS] if len(parts) == 1 else [_part_name(i, len(parts)) for i in range(1, len(parts) + 1)]
    for name, part in zip(names, parts, strict=True):
        save_file(part, folder / name, {"format": "pt"})
    if len(parts) > 1:
        size = sum(t.nbytes for part in parts for t in part.values())
        where = {tensor: name for name, part in zip(names, parts, strict=True) for tensor in part}
        write_json(folder / INDEX, {"metadata": {"total_size": size}, "weight_map": where})
    files = dict(zip(names, hash_files([folder / name for name in names]), strict=True))
    write_json(folder / CONFIG, {"kind": kind, "model": to_json(config), "files": files, **(extra or {})})
    return _digest(files)


def load_model(folder: Path, kind: str) -> Saved:
    """Opens a model and checks its files against their hashes.

    Raises:
        WorkerError: MODEL_INVALID, when the folder is no model of that kind, can't be read, or was changed.
    """
    try:
        body = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if body["kind"] != kind:
            raise WorkerError("MODEL_INVALID", f"{folder} holds a {body['kind']}, a {kind} was expected")
        files = {str(name): str(digest) for name, digest in body["files"].items()}
        for name, found in zip(files, hash_files([folder / name for name in files]), strict=True):
            if found != files[name]:
                message = f"{folder / name}: its SHA-256 is {found}, {CONFIG} says {files[name]}"
                raise WorkerError("MODEL_INVALID", message, hint="copy the folder anew, or train again")
        config = _config(folder, cast("dict[str, Json]", body["model"]))
        weights = {tensor: t for name in files for tensor, t in load_file(folder / name).items()}
    except KeyError as error:
        raise WorkerError("MODEL_INVALID", f"{folder / CONFIG}: {error} is missing") from error
    except (OSError, ValueError, TypeError, AttributeError, SafetensorError) as error:
        raise WorkerError("MODEL_INVALID", f"{folder} is no model that can be read: {error}") from error
    extra = {k: v for k, v in body.items() if k not in _OURS}
    return Saved(config, weights, extra, _digest(files))


def _config(folder: Path, values: Mapping[str, Json]) -> ModelConfig:
    try:
        return from_json(values)
    except WorkerError as error:
        raise WorkerError(error.code, f"{folder}: {error.message}") from error


def hash_files(paths: Sequence[Path]) -> list[str]:
    """SHA-256 of each, read in pieces, several at a time."""
    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(_hash_file, paths))


def write_json(path: Path, body: Mapping[str, Json]) -> None:
    path.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(files: Mapping[str, str]) -> str:
    if len(files) == 1:
        return next(iter(files.values()))
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _part_name(number: int, count: int) -> str:
    return f"model-{number:05d}-of-{count:05d}.safetensors"


def _cut(weights: Mapping[str, Tensor], largest: int) -> list[dict[str, Tensor]]:
    return list(_parts(weights, largest)) or [{}]


def _parts(weights: Mapping[str, Tensor], largest: int) -> Iterator[dict[str, Tensor]]:
    part: dict[str, Tensor] = {}
    size = 0
    for name, t in weights.items():
        if part and size + t.nbytes > largest:
            yield part
            part, size = {}, 0
        part[name] = t
        size += t.nbytes
    if part:
        yield part
