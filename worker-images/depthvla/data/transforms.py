"""What is made of an episode before it is learnt from, by name: the changes that a dataset is trained on with.

BridgeData V2 says what was commanded, and the arm doesn't always get there: it is trained on with the motion from each
pose to the next (`reached_pose`) and with a gripper that is open or closed (`binary_gripper`). Source: what Octo,
OpenVLA and open-pi-zero do to it; https://github.com/openvla/openvla/issues/114 says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import broken
from depthvla.data.episodes import Episode, Wanted, aligned, checked, cut

_POSE = 6
"""Position and the three angles: the first dimensions of the state, and of an action."""
_OPEN, _CLOSED = 0.95, 0.05


@dataclass(frozen=True)
class Transform:
    """
    Attributes:
        apply: makes the new episode; may raise DATA_BROKEN.
        drops: frames at the end that are lost by it.
    """

    apply: Callable[[Episode], Episode]
    drops: int = 0


def usable(length: int, wanted: Wanted) -> int:
    """Frames of a recording of so many that are left."""
    return max(0, length - wanted.skip_first - sum(TRANSFORMS[name].drops for name in wanted.transforms))


def prepare(episode: Episode, wanted: Wanted) -> Episode:
    """A whole recording as it was asked for: without its first frames, then one transform after the other.

    Raises:
        WorkerError: DATA_BROKEN, see `checked`.
    """
    # Before them, too: what isn't finite must not be hidden by what is made of it.
    episode = checked(cut(aligned(episode), wanted.skip_first, len(episode)))
    for name in wanted.transforms:
        episode = checked(TRANSFORMS[name].apply(episode))
    return episode


def reached_pose(episode: Episode) -> Episode:
    """Actions that say where the next frame's pose is from here; the last frame has no next, and goes.

    What else an action has (the gripper) stays. Angles are subtracted, the short way round where one passes ±π.
    """
    for name, values, least in (("state", episode.state, _POSE), ("action", episode.action, _POSE + 1)):
        if values.shape[1] < least:
            problem = f"{name} has {values.shape[1]} dimensions, `reached_pose` needs {least}: x, y, z and three angles"
            raise broken(episode.path, f"episode {episode.number}: {problem}" + (", gripper" if least > _POSE else ""))
    motion = episode.state[1:, :_POSE] - episode.state[:-1, :_POSE]
    turn = motion[:, 3:]
    motion[:, 3:] = np.where(np.abs(turn) > np.pi, turn - np.float32(2 * np.pi) * np.sign(turn), turn)
    rest = episode.action[:-1, _POSE:]
    return replace(cut(episode, 0, len(episode) - 1), action=np.concatenate([motion, rest], axis=1))


def binary_gripper(episode: Episode) -> Episode:
    """An action's last dimension as 1 (open) or 0 (closed)."""
    action = episode.action.copy()
    action[:, -1] = to_binary(action[:, -1])
    return replace(episode, action=action)


def to_binary(opening: NDArray[np.float32]) -> NDArray[np.float32]:
    """Openings ``[T]`` in 0..1 as 0 or 1.

    What is neither nearly open nor nearly closed is on its way, and counts as what it gets to. Where an episode ends
    on the way, the end stays as it is.
    """
    opened = opening > _OPEN
    decided = opened | (opening < _CLOSED)
    # For each frame the next one that is decided, itself if it is.
    after = np.minimum.accumulate(np.where(decided, np.arange(len(opening)), len(opening))[::-1])[::-1]
    last = opening[-1:] if len(opening) else opening
    return np.concatenate([opened.astype(np.float32), last])[after]


TRANSFORMS = {"reached_pose": Transform(reached_pose, drops=1), "binary_gripper": Transform(binary_gripper)}
