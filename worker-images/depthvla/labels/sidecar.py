"""Pseudo depth beside a LeRobot dataset: one file an episode, so that shards write disjoint files into one folder.

`episode-000012.npz`: `depth` uint16 ``[T, H, W]`` in millimetres (0 = none), `labeller` the digest of what made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from depthvla.runtime.failure import WorkerError

FARTHEST = np.iinfo(np.uint16).max / 1000
"""Metres; what is farther is written as that."""


@dataclass(frozen=True)
class Labels:
    depth: NDArray[np.float32]
    """Metres ``[N, H, W]`` in the order of the demonstrations' frames; 0 = none."""
    labeller: str


def name_of(episode: int) -> str:
    return f"episode-{episode:06d}.npz"


def write_episode(folder: Path, episode: int, depth: NDArray[np.float32], labeller: str) -> Path:
    """Writes the labels of one episode, metres ``[T, H, W]``. The same labels give the same bytes."""
    good = np.isfinite(depth) & (depth > 0)
    millimetres = np.where(good, np.rint(np.clip(np.where(good, depth, 0.0), 0.001, FARTHEST) * 1000), 0)
    path = folder / name_of(episode)
    whole = path.with_suffix(".part.npz")
    np.savez_compressed(whole, depth=millimetres.astype(np.uint16), labeller=np.array(labeller))
    whole.replace(path)
    return path


def read_episode(folder: Path, episode: int) -> tuple[NDArray[np.float32], str]:
    """Metres ``[T, H, W]``, and the digest of the labeller.

    Raises:
        WorkerError: LABELS_INVALID.
    """
    path = folder / name_of(episode)
    try:
        with np.load(path, allow_pickle=False) as file:
            return file["depth"].astype(np.float32) / 1000, str(file["labeller"])
    except FileNotFoundError as error:
        raise WorkerError("LABELS_INVALID", f"episode {episode} has no labels: {path} does not exist") from error
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise WorkerError("LABELS_INVALID", f"{path} can't be read: {error}") from error


def read_labels(folder: Path, episode: NDArray[np.int32], size: int) -> Labels:
    """Reads the labels of all frames.

    Args:
        episode: ``[N]``, the episode of each frame; an episode's frames follow each other.

    Raises:
        WorkerError: LABELS_INVALID when an episode has none, of another length or size, or of another labeller.
    """
    parts, labellers = [], set()
    for number in dict.fromkeys(episode.tolist()):
        depth, labeller = read_episode(folder, number)
        expected = (int((episode == number).sum()), size, size)
        if depth.shape != expected:
            raise WorkerError("LABELS_INVALID", f"labels of episode {number}: {depth.shape}, expected {expected}")
        parts.append(depth)
        labellers.add(labeller)
    if len(labellers) != 1:
        raise WorkerError("LABELS_INVALID", f"{folder} mixes labels of {len(labellers)} labellers")
    return Labels(np.concatenate(parts), labellers.pop())
