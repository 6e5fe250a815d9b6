"""Reads LeRobotDataset v3.0, as `lerobot_writer` or LeRobot itself writes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from depthvla.data.broken import broken
from depthvla.data.video import read_video

_INDICES = ("episode_index", "frame_index", "index", "task_index")


@dataclass(frozen=True)
class _Info:
    """The part of ``meta/info.json`` that is read here."""

    fps: int
    cameras: list[str]
    video_path: str


@dataclass(frozen=True)
class LeRobotData:
    """A whole dataset in memory; N frames in the order of their index.

    Attributes:
        images: uint8 ``[N, H, W, 3]``, as decoded.
        state: float32 ``[N, S]``.
        action: float32 ``[N, A]``.
        episode, frame, task: int32 ``[N]``: the episode, the frame's place in it, the index of its instruction.
        instructions: one sentence a task.
        fps: frames a second.
    """

    images: NDArray[np.uint8]
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    episode: NDArray[np.int32]
    frame: NDArray[np.int32]
    task: NDArray[np.int32]
    instructions: list[str]
    fps: int


def read_lerobot(folder: Path, camera: str | None = None) -> LeRobotData:
    """Read a dataset.

    Args:
        folder: the one with ``meta/`` in it.
        camera: key of the camera to read, or None where there is only one.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and the field.
    """
    info = _read_info(folder / "meta/info.json")
    key = _choose_camera(folder, info.cameras, camera)
    frames = _concat(folder, "data", ("observation.state", "action", *_INDICES)).sort_by("index")
    episodes = _concat(folder, "meta/episodes", ("episode_index", "length", *_places(key))).sort_by("episode_index")
    images = _read_images(folder, info, key, episodes)
    if len(images) != len(frames):
        raise broken(folder, f"{key} has {len(images)} pictures, but data/ has {len(frames)} rows")

    def whole(name: str) -> NDArray[np.int32]:
        return np.asarray(frames[name].to_numpy(), np.int32)

    return LeRobotData(
        images=images,
        state=_matrix(folder, frames, "observation.state"),
        action=_matrix(folder, frames, "action"),
        episode=whole("episode_index"),
        frame=whole("frame_index"),
        task=whole("task_index"),
        instructions=_read_tasks(folder / "meta/tasks.parquet"),
        fps=info.fps,
    )


def _read_info(path: Path) -> _Info:
    if not path.is_file():
        raise broken(path, "no such file", "a LeRobotDataset v3.0 folder has meta/info.json in it")
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise broken(path, f"not JSON ({error})") from error
    version = info.get("codebase_version")
    if version != "v3.0":
        raise broken(path, f"codebase_version is {version!r}, expected 'v3.0'", "convert it with LeRobot's own tool")
    for name, kind in (("fps", int), ("features", dict), ("video_path", str)):
        if not isinstance(info.get(name), kind):
            raise broken(path, f"{name} is {info.get(name)!r}, expected {kind.__name__}")
    cameras = [name for name, feature in info["features"].items() if feature.get("dtype") == "video"]
    return _Info(info["fps"], cameras, info["video_path"])


def _choose_camera(folder: Path, cameras: list[str], camera: str | None) -> str:
    chosen = cameras[0] if camera is None and len(cameras) == 1 else camera
    if chosen is None or chosen not in cameras:
        wanted = f"not {camera!r}" if camera else "expected exactly one"
        raise broken(folder / "meta/info.json", f"features has the cameras {cameras}, {wanted}")
    return chosen


def _places(key: str) -> tuple[str, ...]:
    return tuple(f"videos/{key}/{name}" for name in ("chunk_index", "file_index", "from_timestamp"))


def _concat(folder: Path, under: str, columns: tuple[str, ...]) -> pa.Table:
    """The asked columns of every parquet file under a folder, in the order of their names."""
    paths = sorted((folder / under).glob("chunk-*/file-*.parquet"))
    if not paths:
        raise broken(folder / under, "no chunk-*/file-*.parquet in it")
    tables = []
    for path in paths:
        try:
            present = pq.read_schema(path).names
            missing = [name for name in columns if name not in present]
            if missing:
                raise broken(path, f"column {missing[0]!r} is missing")
            tables.append(pq.read_table(path, columns=list(columns)))
        except (pa.ArrowInvalid, OSError) as error:
            raise broken(path, f"not a parquet file that can be read ({error})") from error
    return pa.concat_tables(tables)


def _matrix(folder: Path, table: pa.Table, name: str) -> NDArray[np.float32]:
    """A column of lists as float32 ``[N, D]``."""
    rows = table[name].combine_chunks()
    flat = np.asarray(rows.flatten().to_numpy(zero_copy_only=False), np.float32)
    if len(rows) == 0 or len(flat) % len(rows):
        raise broken(folder / "data", f"column {name!r} has rows of different lengths, or none")
    if not np.isfinite(flat).all():
        raise broken(folder / "data", f"column {name!r} has values that are not finite")
    return flat.reshape(len(rows), -1)


def _read_images(folder: Path, info: _Info, key: str, episodes: pa.Table) -> NDArray[np.uint8]:
    """Every episode's pictures, one after the other: each from its place in its file."""
    videos: dict[Path, NDArray[np.uint8]] = {}
    parts = []
    chunk, file, start = (episodes[name].to_pylist() for name in _places(key))
    for episode, length in enumerate(episodes["length"].to_pylist()):
        where = {"video_key": key, "chunk_index": chunk[episode], "file_index": file[episode]}
        path = folder / info.video_path.format(**where)
        if path not in videos:
            if not path.is_file():
                raise broken(path, f"no such file, but episode {episode} is said to be in it")
            try:
                videos[path] = read_video(path)
            except ValueError as error:
                raise broken(path, str(error).removeprefix(f"{path}: ")) from error
        first = round(start[episode] * info.fps)
        part = videos[path][first : first + length]
        if len(part) != length:
            raise broken(path, f"{len(videos[path])} pictures, but episode {episode} needs {first} to {first + length}")
        parts.append(part)
    return np.concatenate(parts)


def _read_tasks(path: Path) -> list[str]:
    """Sentences by task index; pandas' index column is `task`, in older files unnamed."""
    if not path.is_file():
        raise broken(path, "no such file")
    table = pq.read_table(path)
    name = next((n for n in ("task", "__index_level_0__") if n in table.column_names), None)
    if name is None or "task_index" not in table.column_names:
        raise broken(path, f"columns are {table.column_names}, expected task_index and task")
    return [str(sentence) for sentence in table.sort_by("task_index")[name].to_pylist()]
