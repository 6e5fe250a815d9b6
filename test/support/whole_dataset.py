"""A small LeRobotDataset of one camera, all of it in memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depthvla.data.lerobot import LeRobot


@dataclass(frozen=True)
class Whole:
    """N frames, episode after episode: images ``[N, H, W, 3]`` as decoded, the rest ``[N, …]``."""

    images: np.ndarray
    state: np.ndarray
    action: np.ndarray
    episode: np.ndarray
    task: np.ndarray
    instructions: list[str]


def read_whole(folder: Path) -> Whole:
    dataset = LeRobot(folder)
    (camera,) = dataset.cameras
    episodes = [dataset.read(index) for index in range(len(dataset.lengths))]
    return Whole(
        images=np.concatenate([e.cameras[camera].all() for e in episodes]),
        state=np.concatenate([e.state for e in episodes]),
        action=np.concatenate([e.action for e in episodes]),
        episode=np.repeat(np.arange(len(episodes)), [len(e) for e in episodes]),
        task=np.concatenate([e.task for e in episodes]),
        instructions=dataset.tasks,
    )
