"""Demonstrations as the arrays that training draws from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthvla.data.lerobot_reader import read_lerobot
from depthvla.data.pictures import fit_image


@dataclass(frozen=True)
class Demos:
    """N frames of demonstrations, episode after episode.

    Attributes:
        images: uint8 ``[N, H, W, 3]``.
        state: float32 ``[N, S]``.
        action: float32 ``[N, A]``: what the expert wanted in that state, which is not what was carried out where
            noise was added.
        episode, frame, task: int32 ``[N]``: the episode, the frame's place in it, the index of its instruction.
        instructions: one sentence a task.
    """

    images: NDArray[np.uint8]
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    episode: NDArray[np.int32]
    frame: NDArray[np.int32]
    task: NDArray[np.int32]
    instructions: list[str]

    def __len__(self) -> int:
        return len(self.images)

    def chunks(self, horizon: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The actions from each frame on.

        Returns:
            float32 ``[N, horizon, A]``, and bool ``[N, horizon]``, true past the end of the episode, where the last
            action is repeated.
        """
        n = len(self)
        wanted = np.arange(n)[:, None] + np.arange(horizon)
        # The last frame of each frame's episode: episodes are contiguous.
        ends = np.flatnonzero(np.append(self.episode[1:] != self.episode[:-1], True))
        last = ends[np.searchsorted(ends, np.arange(n))][:, None]
        return self.action[np.minimum(wanted, last)], wanted > last


def load_demos(path: Path, size: int) -> Demos:
    """Read a LeRobotDataset v3.0 folder, its one camera cut square and scaled to ``size``.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and the field.
    """
    data = read_lerobot(path)
    return Demos(
        images=np.stack([fit_image(image, size) for image in data.images]),
        state=data.state,
        action=data.action,
        episode=data.episode,
        frame=data.frame,
        task=data.task,
        instructions=data.instructions,
    )
