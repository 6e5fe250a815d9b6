"""What LeRobot's versions have in common on disk: columns, features, statistics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from depthvla.data.encoded import encode_png
from depthvla.data.recording import Recording
from depthvla.data.video import CODEC, PIXEL_FORMAT

Columns = dict[str, NDArray[np.generic]]
_QUANTILES = (0.01, 0.10, 0.50, 0.90, 0.99)


def key_of(camera: str) -> str:
    return f"observation.images.{camera}"


def columns_of(recording: Recording, index: int, start: int, task: int, fps: int) -> Columns:
    """The rows of an episode, the dataset's `start`-th and following."""
    length = len(recording)
    frame = np.arange(length)
    return {
        "observation.state": recording.state,
        "action": recording.action,
        "timestamp": (frame / fps).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(length, index),
        "index": start + frame,
        "task_index": np.full(length, task),
    }


def thin(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A sample of pixels ``[n, 3]`` that is enough for statistics."""
    return images[::8, ::4, ::4].reshape(-1, 3)


def all_stats(columns: Columns, pixels: Mapping[str, NDArray[np.uint8]]) -> dict[str, dict[str, object]]:
    """Of every column, and of each camera's pixels ``[n, 3]``."""
    out = {name: _stats(values) for name, values in columns.items()}
    # Pictures: over 0..1, one value a channel, shaped [3, 1, 1] for channels-first tensors.
    for camera, values in pixels.items():
        out[key_of(camera)] = {
            name: value if name == "count" else [[[v]] for v in value]  # type: ignore[attr-defined]
            for name, value in _stats(values / 255).items()
        }
    return out


def features_of(
    columns: Columns, shapes: Mapping[str, Sequence[int]], fps: int, names: Mapping[str, Sequence[str]]
) -> dict[str, object]:
    """`features` of info.json: each camera's ``[H, W, 3]``, and the columns with the names of their dimensions."""
    features: dict[str, object] = {
        key_of(camera): {
            "dtype": "video",
            "shape": list(shape),
            "names": ["height", "width", "channels"],
            "info": {
                "video.height": shape[0],
                "video.width": shape[1],
                "video.channels": 3,
                "video.codec": CODEC,
                "video.pix_fmt": PIXEL_FORMAT,
                "video.is_depth_map": False,
                "video.fps": fps,
                "has_audio": False,
            },
        }
        for camera, shape in shapes.items()
    }
    for name, values in columns.items():
        shape = list(values.shape[1:]) or [1]
        features[name] = {
            "dtype": str(values.dtype),
            "shape": shape,
            "names": list(names[name]) if name in names else None,
        }
    return features


def depth_features(depth: Mapping[str, NDArray[np.uint16]]) -> dict[str, object]:
    """`features` of info.json for depth as pictures in the tables, uint16 ``[T, H, W]`` by camera."""
    names = ["height", "width", "channels"]
    return {key_of(c): {"dtype": "image", "shape": [*d.shape[1:], 1], "names": names} for c, d in depth.items()}


def pictures_column(pictures: NDArray[np.uint16]) -> pa.Array:
    """A column of PNGs as LeRobot keeps pictures that are not videos."""
    return pa.array([{"bytes": encode_png(p), "path": f"frame_{i:06d}.png"} for i, p in enumerate(pictures)])


def table_of(parts: Sequence[Columns]) -> pa.Table:
    return pa.table({name: _column(np.concatenate([part[name] for part in parts])) for name in parts[0]})


def tasks_table(tasks: Sequence[str]) -> pa.Table:
    """LeRobot keeps the sentence as a pandas index; written so without pandas, its metadata said by hand."""
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(list(tasks))})
    number = {"pandas_type": "int64", "numpy_type": "int64", "metadata": None}
    word = {"pandas_type": "unicode", "numpy_type": "object", "metadata": None}
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [{"name": None, "field_name": None, **word, "metadata": {"encoding": "UTF-8"}}],
        "columns": [
            {"name": "task_index", "field_name": "task_index", **number},
            {"name": "task", "field_name": "task", **word},
        ],
        "pandas_version": "2.3.0",
    }
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def write_table(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _stats(values: NDArray[np.generic]) -> dict[str, object]:
    rows = values.reshape(len(values), -1).astype(np.float64)
    out: dict[str, object] = {name: getattr(rows, name)(axis=0).tolist() for name in ("min", "max", "mean", "std")}
    out["count"] = [len(rows)]
    quantiles = np.quantile(rows, _QUANTILES, axis=0)
    return out | {f"q{round(q * 100):02d}": row.tolist() for q, row in zip(_QUANTILES, quantiles, strict=True)}


def _column(values: NDArray[np.generic]) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
