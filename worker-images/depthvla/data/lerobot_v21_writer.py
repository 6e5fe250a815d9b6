"""Writes LeRobotDataset v2.1: a table and a video of each camera for every episode (see `lerobot`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from depthvla.data.lerobot_tables import (
    all_stats,
    columns_of,
    depth_features,
    features_of,
    key_of,
    pictures_column,
    table_of,
    thin,
    write_json,
    write_table,
)
from depthvla.data.recording import Recording
from depthvla.data.video import VideoWriter

DATA_PATH = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
VIDEO_PATH = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"


def write_lerobot_v21(
    folder: Path,
    recordings: Sequence[Recording],
    *,
    fps: int,
    robot: str,
    state_names: Sequence[str],
    action_names: Sequence[str],
    chunk_size: int = 1000,
) -> None:
    """Write a dataset with the cameras of its first recording, depth in the tables; ``chunk_size`` episodes go into a
    folder."""
    cameras = list(recordings[0].images)
    tasks = list(dict.fromkeys(recording.instruction for recording in recordings))
    episodes, statistics, start = [], [], 0
    for index, recording in enumerate(recordings):
        where = {"episode_chunk": index // chunk_size, "episode_index": index}
        columns = columns_of(recording, index, start, tasks.index(recording.instruction), fps)
        start += len(recording)
        table = table_of([columns])
        for camera, depth in recording.depth.items():
            table = table.append_column(key_of(camera), pictures_column(depth))
        write_table(folder / DATA_PATH.format(**where), table)
        for camera in cameras:
            images = recording.images[camera]
            path = folder / VIDEO_PATH.format(video_key=key_of(camera), **where)
            video = VideoWriter(path, images.shape[1], images.shape[2], fps)
            video.write(images)
            video.close()
        episodes.append({"episode_index": index, "tasks": [recording.instruction], "length": len(recording)})
        stats = all_stats(columns, {camera: thin(recording.images[camera]) for camera in cameras})
        # v2.1 knows no quantiles.
        short = {key: {n: v for n, v in of.items() if not n.startswith("q")} for key, of in stats.items()}
        statistics.append({"episode_index": index, "stats": short})
    meta = folder / "meta"
    meta.mkdir(parents=True, exist_ok=True)
    _write_lines(meta / "tasks.jsonl", [{"task_index": i, "task": task} for i, task in enumerate(tasks)])
    _write_lines(meta / "episodes.jsonl", episodes)
    _write_lines(meta / "episodes_stats.jsonl", statistics)
    named = {"observation.state": state_names, "action": action_names}
    shapes = {camera: recordings[0].images[camera].shape[1:] for camera in cameras}
    write_json(
        meta / "info.json",
        {
            "codebase_version": "v2.1",
            "robot_type": robot,
            "total_episodes": len(recordings),
            "total_frames": start,
            "total_tasks": len(tasks),
            "total_videos": len(recordings) * len(cameras),
            "total_chunks": (len(recordings) - 1) // chunk_size + 1,
            "chunks_size": chunk_size,
            "fps": fps,
            "splits": {"train": f"0:{len(recordings)}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH,
            "features": features_of(columns, shapes, fps, named) | depth_features(recordings[0].depth),
        },
    )


def _write_lines(path: Path, values: Sequence[object]) -> None:
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), encoding="utf-8")
