"""LeRobotDataset v2.0, v2.1 and v3.0, episode by episode.

v2.1 has a file for each episode::

    meta/info.json  meta/episodes.jsonl  meta/tasks.jsonl  meta/episodes_stats.jsonl
    data/chunk-000/episode_000000.parquet
    videos/chunk-000/<camera key>/episode_000000.mp4

v3.0 has many episodes in a file, found through tables::

    meta/info.json  meta/stats.json  meta/tasks.parquet
    meta/episodes/chunk-000/file-000.parquet
    data/chunk-000/file-000.parquet
    videos/<camera key>/chunk-000/file-000.mp4

Cameras are videos, or (dtype ``image``) encoded pictures in the tables. Depth is such a picture with one channel of
uint16 millimetres.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData, broken
from depthvla.data.depth_of_camera import wanted_depth
from depthvla.data.episodes import Episode, LazyFrames, P, Wanted, part_of
from depthvla.data.files import decode_millimetres, decode_picture
from depthvla.data.lerobot_info import FILE, LeRobotInfo, read_info
from depthvla.data.transforms import prepare, usable
from depthvla.data.video_frames import Videos
from depthvla.streams.path import announce, for_library


@dataclass(frozen=True)
class _Place:
    """Where an episode is: its table, and each camera's video with the second at which it begins there. `tasks` are
    its instructions, as far as meta/ says them."""

    table: Path
    length: int
    videos: Mapping[str, tuple[Path, float]]
    tasks: tuple[str, ...]


class LeRobot:
    """A dataset of any of these versions.

    Args:
        folder: the one with ``meta/`` in it.
        wanted: which features to read; usually ``observation.state``, ``action`` and every colour camera.
        name: of the dataset, for messages.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and the field.
    """

    def __init__(self, folder: Path, wanted: Wanted | None = None, name: str | None = None) -> None:
        self.wanted = wanted or Wanted()
        self.name = name or folder.name
        self.folder = folder
        self.info = read_info(folder / FILE)
        self.depths = self.info.depths
        self.cameras = self._chosen_cameras()
        self.depth = wanted_depth(self.wanted.depth, self.cameras, self.depths)
        for unknown in set(self.depth) - set(self.depths):
            problem = f"features has the depth {list(self.depths)} as pictures in the tables, not {unknown!r}"
            raise broken(folder / FILE, problem)
        self.state = self.wanted.state or ("observation.state",)
        self.action = self.wanted.action or ("action",)
        self.tasks = [
            part_of(task, self.wanted.instruction_part)
            for task in (_tasks_v3 if self.info.version == "v3.0" else _tasks_v2)(folder)
        ]
        self._places = (_places_v3 if self.info.version == "v3.0" else _places_v2)(folder, self.info, self.cameras)
        self.left_out: Counter[str] = Counter()
        self.lengths = np.array([self._usable(p) for p in self._places], np.int64)
        self.faults: list[BrokenData] = []
        self._videos = Videos()

    @property
    def state_names(self) -> tuple[str, ...] | None:
        return self.info.names(self.state)

    @property
    def action_names(self) -> tuple[str, ...] | None:
        return self.info.names(self.action)

    def announce(self, index: int) -> None:
        """See `EpisodeSource`. Where an episode is in the files of v3.0, only they can say."""
        if self.info.version != "v3.0":
            place = self._places[index]
            for path in (place.table, *(path for path, _ in place.videos.values())):
                announce(path)

    def read(self, index: int) -> Episode:
        """See `EpisodeSource`."""
        place = self._places[index]
        columns = (*self.state, *self.action, "frame_index", "task_index")
        rows = _table(place.table, columns, index)
        if len(rows) != place.length:
            raise broken(place.table, f"episode {index} has {len(rows)} rows, but meta/ says {place.length}")
        rows = rows.sort_by("frame_index")
        if not np.array_equal(rows["frame_index"].to_numpy(), np.arange(len(rows))):
            raise broken(place.table, f"column 'frame_index' of episode {index} doesn't count from 0 by ones")
        episode = Episode(
            path=place.table,
            number=index,
            instructions=self.tasks,
            task=np.asarray(rows["task_index"].to_numpy(), np.int32),
            state=np.concatenate([_matrix(place.table, rows, name) for name in self.state], axis=1),
            action=np.concatenate([_matrix(place.table, rows, name) for name in self.action], axis=1),
            cameras={
                name: (
                    self._video(place, name)
                    if self.info.is_video(name)
                    else _pictures(place, index, name, decode_picture)
                )
                for name in self.cameras
            },
            depth={name: _pictures(place, index, name, decode_millimetres) for name in self.depth},
        )
        return prepare(episode, self.wanted)

    def _usable(self, place: _Place) -> int:
        """Frames of it to learn from; 0 where it can't be used, which is counted."""
        said = [part_of(task, self.wanted.instruction_part) for task in place.tasks or ("?",)]
        if not any(task.strip() for task in said):
            self.left_out["no instruction"] += 1
            return 0
        if not (frames := usable(place.length, self.wanted)):
            self.left_out["too few frames"] += 1
        return frames

    def _video(self, place: _Place, camera: str) -> LazyFrames[np.uint8]:
        path, start = place.videos[camera]
        fps = self.info.fps
        return LazyFrames(place.length, lambda i: self._videos.picture(path, start + i / fps, fps))

    def _chosen_cameras(self) -> tuple[str, ...]:
        there = self.info.cameras
        for name in self.wanted.cameras or ():
            if name not in there:
                raise broken(self.folder / FILE, f"features has the cameras {list(there)}, not {name!r}")
        return there if self.wanted.cameras is None else self.wanted.cameras


def _places_v2(folder: Path, info: LeRobotInfo, cameras: Sequence[str]) -> list[_Place]:
    path = folder / "meta/episodes.jsonl"
    out = []
    for number, line in enumerate(_lines(path)):
        if line.get("episode_index") != number or not isinstance(line.get("length"), int):
            raise broken(path, f"line {number + 1}: expected episode_index {number}, and its length")
        where = {"episode_chunk": number // info.chunk_size, "episode_index": number}
        videos = {c: (folder / info.video_path.format(video_key=c, **where), 0.0) for c in cameras if info.is_video(c)}
        tasks = tuple(map(str, line.get("tasks") or ()))
        out.append(_Place(folder / info.data_path.format(**where), line["length"], videos, tasks))
    return out


def _places_v3(folder: Path, info: LeRobotInfo, cameras: Sequence[str]) -> list[_Place]:
    filmed = [c for c in cameras if info.is_video(c)]
    columns = ["episode_index", "length", "data/chunk_index", "data/file_index"]
    columns += [f"videos/{c}/{name}" for c in filmed for name in ("chunk_index", "file_index", "from_timestamp")]
    paths = sorted((folder / "meta/episodes").glob("chunk-*/file-*.parquet"))
    if not paths:
        raise broken(folder / "meta/episodes", "no chunk-*/file-*.parquet in it")
    if all("tasks" in pq.read_schema(for_library(path)).names for path in paths):
        columns.append("tasks")
    rows = pa.concat_tables([_table(path, columns) for path in paths]).sort_by("episode_index").to_pylist()
    out = []
    for number, row in enumerate(rows):
        if row["episode_index"] != number:
            raise broken(folder / "meta/episodes", f"episode {number} is missing, or there twice")
        videos = {}
        for c in filmed:
            part = {name: row[f"videos/{c}/{name}"] for name in ("chunk_index", "file_index")}
            where = folder / info.video_path.format(video_key=c, **part)
            videos[c] = (where, float(row[f"videos/{c}/from_timestamp"]))
        table = info.data_path.format(chunk_index=row["data/chunk_index"], file_index=row["data/file_index"])
        out.append(_Place(folder / table, row["length"], videos, tuple(map(str, row.get("tasks") or ()))))
    return out


def _tasks_v2(folder: Path) -> list[str]:
    path = folder / "meta/tasks.jsonl"
    lines = _lines(path)
    if any(not isinstance(line.get("task_index"), int) or not isinstance(line.get("task"), str) for line in lines):
        raise broken(path, "expected task_index and task in each line")
    return _by_index(path, {line["task_index"]: line["task"] for line in lines})


def _tasks_v3(folder: Path) -> list[str]:
    """Sentences by task index; pandas' index column is `task`, in older files unnamed."""
    path = folder / "meta/tasks.parquet"
    table = _table(path)
    name = next((n for n in ("task", "__index_level_0__") if n in table.column_names), None)
    if name is None or "task_index" not in table.column_names:
        raise broken(path, f"columns are {table.column_names}, expected task_index and task")
    rows = zip(table["task_index"].to_pylist(), table[name].to_pylist(), strict=True)
    return _by_index(path, {index: str(sentence) for index, sentence in rows})


def _by_index(path: Path, tasks: Mapping[int, str]) -> list[str]:
    if sorted(tasks) != list(range(len(tasks))):
        raise broken(path, f"task_index is {sorted(tasks)}, expected to count from 0 by ones")
    return [tasks[i] for i in range(len(tasks))]


def _lines(path: Path) -> list[dict[str, Any]]:
    """A file of JSON objects, one a line."""
    if not path.is_file():
        raise broken(path, "no such file")
    out = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise broken(path, f"line {number} is not JSON ({error})") from error
        if not isinstance(value, dict):
            raise broken(path, f"line {number} is not a JSON object")
        out.append(value)
    return out


def _table(path: Path, columns: Sequence[str] | None = None, episode: int | None = None) -> pa.Table:
    """The asked columns of a parquet file, all rows or those of one episode."""
    if not path.is_file():
        raise broken(path, "no such file")
    try:
        present = pq.read_schema(for_library(path)).names
        missing = [name for name in columns or () if name not in present]
        if missing:
            raise broken(path, f"column {missing[0]!r} is missing")
        only = None if episode is None else [("episode_index", "==", episode)]
        # One thread: whoever reads much has threads of its own.
        return pq.read_table(
            for_library(path),
            columns=None if columns is None else list(columns),
            filters=only,
            use_threads=False,
            memory_map=False,
        )
    except (pa.ArrowException, OSError) as error:
        raise broken(path, f"not a parquet file that can be read ({error})") from error


def _matrix(path: Path, rows: pa.Table, name: str) -> NDArray[np.float32]:
    """A column of lists (or of numbers) as float32 ``[T, D]``."""
    column = rows[name].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    lists = pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type)
    if lists and len(pc.unique(pc.list_value_length(column))) > 1:
        raise broken(path, f"column {name!r} has rows of different lengths")
    try:
        flat = np.asarray((column.flatten() if lists else column).to_numpy(zero_copy_only=False), np.float32)
    except (ValueError, TypeError) as error:
        raise broken(path, f"column {name!r} is {column.type}, expected lists of numbers") from error
    return flat.reshape(len(rows), -1) if len(rows) else flat.reshape(0, 1)


def _pictures(place: _Place, index: int, name: str, decode: Callable[[bytes, Path, str], NDArray[P]]) -> LazyFrames[P]:
    """Encoded pictures of a column, read when the first is asked for; the bytes are kept, they are small."""

    @cache
    def encoded() -> list[bytes]:
        rows = _table(place.table, (name, "frame_index"), index).sort_by("frame_index")
        return [(cell or {}).get("bytes") or b"" for cell in rows[name].to_pylist()]

    return LazyFrames(place.length, lambda i: decode(encoded()[i], place.table, f"column {name!r}, row {i}: "))
