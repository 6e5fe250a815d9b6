"""Writes LeRobotDataset v3.0: many episodes to a file, found through tables.

Layout as of LeRobot's own documentation of v3.0::

    meta/info.json  meta/stats.json  meta/tasks.parquet
    meta/episodes/chunk-000/file-000.parquet
    data/chunk-000/file-000.parquet
    videos/<camera key>/chunk-000/file-000.mp4

One chunk and one file of each are enough up to some hundred megabytes, which is far from where this goes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from depthvla.data.video import CODEC, PIXEL_FORMAT, VideoWriter

VERSION = "v3.0"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_FIRST = {"chunk_index": 0, "file_index": 0}
_QUANTILES = (0.01, 0.10, 0.50, 0.90, 0.99)


@dataclass(frozen=True)
class Episode:
    """One demonstration of T frames.

    Attributes:
        instruction: what was asked for.
        images: uint8 ``[T, H, W, 3]``.
        state: float32 ``[T, S]``.
        action: float32 ``[T, A]``.
    """

    instruction: str
    images: NDArray[np.uint8]
    state: NDArray[np.float32]
    action: NDArray[np.float32]


@dataclass
class LeRobotWriter:
    """Appends episodes to a dataset; nothing can be read before `close`.

    Attributes:
        folder: where the dataset goes.
        fps: frames a second.
        camera: name of the one camera; its key is ``observation.images.<camera>``.
        robot: LeRobot's ``robot_type``.
        state_names, action_names: what each dimension is.
    """

    folder: Path
    fps: int
    camera: str
    robot: str
    state_names: Sequence[str]
    action_names: Sequence[str]
    _frames: list[dict[str, NDArray[np.generic]]] = field(default_factory=list)
    _episodes: list[dict[str, object]] = field(default_factory=list)
    _tasks: list[str] = field(default_factory=list)
    _thumbnails: list[NDArray[np.uint8]] = field(default_factory=list)
    _video: VideoWriter | None = None
    _shape: tuple[int, ...] = ()
    _total: int = 0

    @property
    def video_key(self) -> str:
        return f"observation.images.{self.camera}"

    def add(self, episode: Episode) -> None:
        length = len(episode.images)
        if self._video is None:
            self._shape = episode.images.shape[1:]
            path = self.folder / VIDEO_PATH.format(video_key=self.video_key, **_FIRST)
            self._video = VideoWriter(path, self._shape[0], self._shape[1], self.fps)
        self._video.write(episode.images)
        if episode.instruction not in self._tasks:
            self._tasks.append(episode.instruction)
        index, start = len(self._episodes), self._total
        frame = np.arange(length)
        columns: dict[str, NDArray[np.generic]] = {
            "observation.state": episode.state,
            "action": episode.action,
            "timestamp": (frame / self.fps).astype(np.float32),
            "frame_index": frame,
            "episode_index": np.full(length, index),
            "index": start + frame,
            "task_index": np.full(length, self._tasks.index(episode.instruction)),
        }
        pixels = _thin(episode.images)
        self._frames.append(columns)
        self._thumbnails.append(pixels)
        self._total += length
        self._episodes.append(
            {
                "episode_index": index,
                "tasks": [episode.instruction],
                "length": length,
                "dataset_from_index": start,
                "dataset_to_index": self._total,
                **{f"data/{name}": value for name, value in _FIRST.items()},
                **{f"videos/{self.video_key}/{name}": value for name, value in _FIRST.items()},
                f"videos/{self.video_key}/from_timestamp": start / self.fps,
                f"videos/{self.video_key}/to_timestamp": self._total / self.fps,
                **{f"meta/episodes/{name}": value for name, value in _FIRST.items()},
                **{
                    f"stats/{key}/{name}": value
                    for key, stats in _all_stats(columns, self.video_key, pixels).items()
                    for name, value in stats.items()
                },
            }
        )

    def close(self) -> None:
        """Finish the video and write every table.

        Raises:
            ValueError: when no episode was added.
        """
        if self._video is None:
            raise ValueError("a dataset without episodes")
        self._video.close()
        columns: dict[str, NDArray[np.generic]] = {
            name: np.concatenate([part[name] for part in self._frames]) for name in self._frames[0]
        }
        _write(self.folder / DATA_PATH.format(**_FIRST), pa.table({k: _column(v) for k, v in columns.items()}))
        _write(self.folder / EPISODES_PATH.format(**_FIRST), pa.Table.from_pylist(self._episodes))
        _write(self.folder / "meta/tasks.parquet", _tasks_table(self._tasks))
        stats = _all_stats(columns, self.video_key, np.concatenate(self._thumbnails))
        _write_json(self.folder / "meta/stats.json", stats)
        _write_json(self.folder / "meta/info.json", self._info(columns))

    def _info(self, columns: dict[str, NDArray[np.generic]]) -> dict[str, object]:
        named = {"observation.state": list(self.state_names), "action": list(self.action_names)}
        features: dict[str, object] = {
            self.video_key: {
                "dtype": "video",
                "shape": list(self._shape),
                "names": ["height", "width", "channels"],
                "info": {
                    "video.height": self._shape[0],
                    "video.width": self._shape[1],
                    "video.channels": 3,
                    "video.codec": CODEC,
                    "video.pix_fmt": PIXEL_FORMAT,
                    "video.is_depth_map": False,
                    "video.fps": self.fps,
                    "has_audio": False,
                },
            }
        }
        for name, values in columns.items():
            shape = list(values.shape[1:]) or [1]
            features[name] = {"dtype": str(values.dtype), "shape": shape, "names": named.get(name)}
        return {
            "codebase_version": VERSION,
            "robot_type": self.robot,
            "total_episodes": len(self._episodes),
            "total_frames": self._total,
            "total_tasks": len(self._tasks),
            "chunks_size": 1000,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": self.fps,
            "splits": {"train": f"0:{len(self._episodes)}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH,
            "features": features,
        }


def _thin(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A sample of pixels ``[n, 3]`` that is enough for statistics."""
    return images[::8, ::4, ::4].reshape(-1, 3)


def _all_stats(
    columns: dict[str, NDArray[np.generic]], video_key: str, pixels: NDArray[np.uint8]
) -> dict[str, dict[str, object]]:
    out = {name: _stats(values) for name, values in columns.items()}
    # Pictures: over 0..1, one value a channel, shaped [3, 1, 1] for channels-first tensors.
    out[video_key] = {
        name: value if name == "count" else [[[v]] for v in value]  # type: ignore[attr-defined]
        for name, value in _stats(pixels / 255).items()
    }
    return out


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


def _tasks_table(tasks: Sequence[str]) -> pa.Table:
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


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
