"""A whole small LeRobotDataset with one camera, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import broken
from depthvla.data.episodes import Wanted
from depthvla.data.lerobot import LeRobot
from depthvla.data.lerobot_info import FILE, read_info


@dataclass(frozen=True)
class LeRobotData:
    """N frames, episode after episode.

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
    fps: float


def read_lerobot(folder: Path, camera: str | None = None) -> LeRobotData:
    """Read a dataset.

    Args:
        folder: the one with ``meta/`` in it.
        camera: key of the camera to read, or None where there is only one.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and the field.
    """
    cameras = read_info(folder / FILE).cameras
    key = cameras[0] if camera is None and len(cameras) == 1 else camera
    if key is None or key not in cameras:
        wanted = f"not {camera!r}" if camera else "expected exactly one"
        raise broken(folder / FILE, f"features has the cameras {list(cameras)}, {wanted}")
    dataset = LeRobot(folder, Wanted(cameras=(key,)))
    episodes = [dataset.read(index) for index in range(len(dataset.lengths))]
    if not episodes:
        raise broken(folder / "meta", "no episodes")
    widths = {(e.state.shape[1], e.action.shape[1]) for e in episodes}
    if len(widths) > 1:
        raise broken(folder / "data", "columns 'observation.state' or 'action' have rows of different lengths")
    return LeRobotData(
        images=np.concatenate([e.cameras[key].all() for e in episodes]),
        state=np.concatenate([e.state for e in episodes]),
        action=np.concatenate([e.action for e in episodes]),
        episode=np.repeat(np.arange(len(episodes), dtype=np.int32), [len(e) for e in episodes]),
        frame=np.concatenate([np.arange(len(e), dtype=np.int32) for e in episodes]),
        task=np.concatenate([e.task for e in episodes]),
        instructions=dataset.tasks,
        fps=dataset.info.fps,
    )
