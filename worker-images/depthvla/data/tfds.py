"""What TFDS writes beside its records: ``dataset_info.json`` and ``features.json``, and how it names its files."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depthvla.data.broken import broken

INFO = "dataset_info.json"
FEATURES = "features.json"


@dataclass(frozen=True)
class TfdsFeature:
    """A leaf of ``features.json``.

    Attributes:
        kind: ``tensor``, ``image`` or ``text``.
        shape: of one value; () is a single number. None for a dimension that varies.
    """

    kind: str
    shape: tuple[int | None, ...]
    dtype: str

    @property
    def width(self) -> int:
        """Numbers in one value."""
        return math.prod(n or 0 for n in self.shape)


def find_version(folder: Path) -> Path:
    """The folder with the files: the one given, or the only version below it.

    Raises:
        WorkerError: DATA_BROKEN when there is none, or more than one.
    """
    if (folder / FEATURES).is_file() or (folder / INFO).is_file():
        return folder
    versions = sorted(path.parent for path in folder.glob(f"*/{FEATURES}"))
    if len(versions) != 1:
        found = ", ".join(v.name for v in versions) or "none"
        raise broken(folder, f"expected {FEATURES} in it, or in one folder below it; found {found}")
    return versions[0]


def read_features(folder: Path) -> dict[str, TfdsFeature]:
    """Leaves of ``features.json`` by their path, `/` between its names, as records name them.

    Raises:
        WorkerError: DATA_BROKEN.
    """
    path = folder / FEATURES
    out: dict[str, TfdsFeature] = {}

    def walk(node: object, name: str) -> None:
        if not isinstance(node, dict):
            raise broken(path, f"{name or 'the whole'} is not an object")
        if "featuresDict" in node:
            for key, child in node["featuresDict"]["features"].items():
                walk(child, f"{name}/{key}" if name else key)
        elif "sequence" in node:
            walk(node["sequence"]["feature"], name)
        else:
            kind = next((k for k in ("tensor", "image", "text") if k in node), None)
            if kind is not None:
                body = node[kind]
                dimensions = body.get("shape", {}).get("dimensions", [])
                shape = tuple(int(n) if int(n) >= 0 else None for n in dimensions)
                out[name] = TfdsFeature(kind, shape, body.get("dtype", "string" if kind == "text" else ""))

    try:
        walk(_read(path), "")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise broken(path, f"not as TFDS writes it ({error!r})") from error
    return out


def find_shards(folder: Path, split: str) -> list[tuple[Path, int]]:
    """The files of a split, each with the records that it should hold.

    They are found by their ending: the name before it isn't always that of the dataset.

    Raises:
        WorkerError: DATA_BROKEN, naming what is missing.
    """
    path = folder / INFO
    info = _read(path)
    if info.get("fileFormat", "tfrecord") != "tfrecord":
        raise broken(path, f"fileFormat is {info['fileFormat']!r}, expected 'tfrecord'")
    splits = {s.get("name"): s for s in info.get("splits", []) if isinstance(s, dict)}
    if split not in splits:
        raise broken(path, f"splits are {sorted(str(s) for s in splits)}, not {split!r}")
    try:
        lengths = [int(n) for n in splits[split]["shardLengths"]]
    except (KeyError, TypeError, ValueError) as error:
        raise broken(path, f"shardLengths of {split!r} is missing, or not numbers") from error
    out = []
    for shard, length in enumerate(lengths):
        ending = f"-{split}.tfrecord-{shard:05d}-of-{len(lengths):05d}"
        found = sorted(folder.glob(f"*{ending}"))
        if len(found) != 1:
            raise broken(folder, f"expected one file *{ending}, found {len(found)}")
        out.append((found[0], length))
    return out


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise broken(path, "no such file")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise broken(path, f"not JSON ({error})") from error
    if not isinstance(value, dict):
        raise broken(path, "not a JSON object")
    return value
