"""Writes LeRobotDataset v3.0: many episodes to a file, found through tables (see `lerobot`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from depthvla.data.lerobot_tables import (
    Columns,
    all_stats,
    columns_of,
    features_of,
    key_of,
    table_of,
    tasks_table,
    thin,
    write_json,
    write_table,
)
from depthvla.data.recording import Recording
from depthvla.data.video import VideoWriter

VERSION = "v3.0"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"


@dataclass
class LeRobotWriter:
    """Appends episodes to a dataset; nothing can be read before `close`.

    Attributes:
        folder: where the dataset goes.
        fps: frames a second.
        cameras: names of the cameras; their keys are ``observation.images.<camera>``.
        robot: LeRobot's ``robot_type``.
        state_names, action_names: what each dimension is.
        episodes_per_file: after so many a new file is begun; None puts all into one, which is enough up to some
            hundred megabytes.
        files_per_chunk: files in a folder.
    """

    folder: Path
    fps: int
    cameras: Sequence[str]
    robot: str
    state_names: Sequence[str]
    action_names: Sequence[str]
    episodes_per_file: int | None = None
    files_per_chunk: int = 1000
    _frames: list[Columns] = field(default_factory=list)
    _episodes: list[dict[str, object]] = field(default_factory=list)
    _tasks: list[str] = field(default_factory=list)
    _pixels: list[dict[str, NDArray[np.uint8]]] = field(default_factory=list)
    _videos: dict[str, VideoWriter] = field(default_factory=dict)
    _shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _total: int = 0
    _file_from: int = 0

    def add(self, recording: Recording) -> None:
        index, start, length = len(self._episodes), self._total, len(recording)
        if self.episodes_per_file is not None and index and index % self.episodes_per_file == 0:
            self._finish_file()
        where = self._place(index)
        for camera in self.cameras:
            images = recording.images[camera]
            if camera not in self._videos:
                self._shapes[camera] = images.shape[1:]
                path = self.folder / VIDEO_PATH.format(video_key=key_of(camera), **where)
                self._videos[camera] = VideoWriter(path, images.shape[1], images.shape[2], self.fps)
            self._videos[camera].write(images)
        if recording.instruction not in self._tasks:
            self._tasks.append(recording.instruction)
        columns = columns_of(recording, index, start, self._tasks.index(recording.instruction), self.fps)
        pixels = {camera: thin(recording.images[camera]) for camera in self.cameras}
        self._frames.append(columns)
        self._pixels.append(pixels)
        self._total += length
        videos: dict[str, object] = {}
        for camera in self.cameras:
            key = f"videos/{key_of(camera)}"
            videos |= {f"{key}/{name}": value for name, value in where.items()}
            videos[f"{key}/from_timestamp"] = (start - self._file_from) / self.fps
            videos[f"{key}/to_timestamp"] = (self._total - self._file_from) / self.fps
        self._episodes.append(
            {
                "episode_index": index,
                "tasks": [recording.instruction],
                "length": length,
                "dataset_from_index": start,
                "dataset_to_index": self._total,
                **{f"data/{name}": value for name, value in where.items()},
                **videos,
                **{f"meta/episodes/{name}": value for name, value in where.items()},
                **{
                    f"stats/{key}/{name}": value
                    for key, stats in all_stats(columns, pixels).items()
                    for name, value in stats.items()
                },
            }
        )

    def close(self) -> None:
        """Finish the videos and write every table.

        Raises:
            ValueError: when no episode was added.
        """
        if not self._episodes:
            raise ValueError("a dataset without episodes")
        self._finish_file()
        write_table(self.folder / "meta/tasks.parquet", tasks_table(self._tasks))
        columns: Columns = {name: np.concatenate([part[name] for part in self._frames]) for name in self._frames[0]}
        pixels = {camera: np.concatenate([part[camera] for part in self._pixels]) for camera in self.cameras}
        write_json(self.folder / "meta/stats.json", all_stats(columns, pixels))
        write_json(self.folder / "meta/info.json", self._info(columns))

    def _place(self, index: int) -> dict[str, int]:
        file = 0 if self.episodes_per_file is None else index // self.episodes_per_file
        return {"chunk_index": file // self.files_per_chunk, "file_index": file % self.files_per_chunk}

    def _finish_file(self) -> None:
        """The videos, and the tables with the episodes of this file."""
        for video in self._videos.values():
            video.close()
        self._videos = {}
        last = len(self._episodes) - 1
        where = self._place(last)
        first = 0 if self.episodes_per_file is None else last - last % self.episodes_per_file
        write_table(self.folder / DATA_PATH.format(**where), table_of(self._frames[first:]))
        write_table(self.folder / EPISODES_PATH.format(**where), pa.Table.from_pylist(self._episodes[first:]))
        self._file_from = self._total

    def _info(self, columns: Columns) -> dict[str, object]:
        named = {"observation.state": list(self.state_names), "action": list(self.action_names)}
        return {
            "codebase_version": VERSION,
            "robot_type": self.robot,
            "total_episodes": len(self._episodes),
            "total_frames": self._total,
            "total_tasks": len(self._tasks),
            "chunks_size": self.files_per_chunk,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": self.fps,
            "splits": {"train": f"0:{len(self._episodes)}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH,
            "features": features_of(columns, self._shapes, self.fps, named),
        }
