"""Models as folders: `model.safetensors` and `config.json`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
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
CONFIG = "config.json"


@dataclass(frozen=True)
class Saved:
    config: ModelConfig
    weights: Mapping[str, Tensor]
    extra: Mapping[str, Json]
    """Whatever else `config.json` says."""
    digest: str
    """SHA-256 of the weights' file."""


def save_model(
    folder: Path, kind: str, config: ModelConfig, weights: Mapping[str, Tensor], extra: Mapping[str, Json] | None = None
) -> None:
    """Writes a model. The same weights give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: t.contiguous() for name, t in sorted(weights.items())}, folder / WEIGHTS)
    body = {"kind": kind, "model": to_json(config), **(extra or {})}
    (folder / CONFIG).write_text(json.dumps(body, indent=2) + "\n")


def load_model(folder: Path, kind: str) -> Saved:
    """Reads a model.

    Raises:
        WorkerError: MODEL_INVALID, when the folder is no model of that kind or can't be read.
    """
    try:
        body = json.loads((folder / CONFIG).read_text())
        if body["kind"] != kind:
            raise WorkerError("MODEL_INVALID", f"{folder} holds a {body['kind']}, a {kind} was expected")
        weights = load_file(folder / WEIGHTS)
        digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise WorkerError("MODEL_INVALID", f"{folder} is no model that can be read: {error}") from error
    extra = {k: v for k, v in body.items() if k not in ("kind", "model")}
    return Saved(from_json(cast("dict[str, Json]", body["model"])), weights, extra, digest)
