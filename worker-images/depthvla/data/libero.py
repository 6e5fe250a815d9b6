"""LIBERO's demonstrations, read and written.

One HDF5 file a task, ``<task>_demo.hdf5``::

    data                    attributes: problem_info (JSON with the instruction), macros_image_convention, num_demos, …
    data/demo_0             attribute num_samples
        actions             float64 [T, 7]: motion of the hand in [-1, 1], gripper -1 open, 1 closed
        obs/agentview_rgb   uint8 [T, H, W, 3], bottom-up where macros_image_convention is `opengl`, as it is
        obs/eye_in_hand_rgb
        obs/ee_states       float64 [T, 6]: position, axis-angle
        obs/gripper_states  float64 [T, 2]
        obs/joint_states, obs/ee_pos, obs/ee_ori, robot_states, states, rewards, dones
        obs/agentview_depth float32 [T, H, W, 1], metres, where episodes were played again to get it (the published
                            files have none); the same way up as the pictures. uint16 is read as millimetres
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData, broken
from depthvla.data.depth_of_camera import wanted_depth
from depthvla.data.episodes import Episode, LazyFrames, Wanted
from depthvla.data.recording import Recording
from depthvla.data.transforms import prepare, usable
from depthvla.data.truth import to_millimetres
from depthvla.streams.path import on_disk

CAMERAS = ("agentview_rgb", "eye_in_hand_rgb")
STATE = {"ee_states": 6, "gripper_states": 2}
ACTION_NAMES = ("x", "y", "z", "roll", "pitch", "yaw", "gripper")
_UPSIDE_DOWN = "opengl"


@dataclass(frozen=True)
class _Place:
    path: Path
    group: str
    length: int
    instruction: str
    bottom_up: bool
    depths: tuple[str, ...]


def hdf5_in(folder: Path) -> list[Path]:
    """The files of a suite, or of the suites in a folder."""
    return sorted(folder.glob("*.hdf5")) or sorted(folder.glob("*/*.hdf5"))


class Libero:
    """A folder of tasks, or the file of one.

    Args:
        folder: with ``*.hdf5`` in it; a suite has ten.
        wanted: usually both cameras, ``ee_states`` and ``gripper_states``, ``actions``.
        name: of the dataset, for messages.

    Raises:
        WorkerError: DATA_BROKEN when there is no such file. What is wrong in one of them is among `faults`.
    """

    action_names = ACTION_NAMES

    def __init__(self, folder: Path, wanted: Wanted | None = None, name: str | None = None) -> None:
        self.name = name or folder.name
        self.wanted = wanted = wanted or Wanted()
        self.cameras = wanted.cameras or CAMERAS
        self.state = wanted.state or tuple(STATE)
        self.action = wanted.action or ("actions",)
        self.state_names = tuple(f"{n}_{i}" for n, w in STATE.items() for i in range(w)) if not wanted.state else None
        self.left_out: dict[str, int] = {}
        self.faults: list[BrokenData] = []
        self._places: list[_Place] = []
        paths = [folder] if folder.is_file() else hdf5_in(folder)
        if not paths:
            raise broken(folder, "no *.hdf5 in it")
        for path in paths:
            try:
                self._places += _index(path, self.action[0])
            except BrokenData as error:
                self.faults.append(error)
        self.depths = self._places[0].depths if self._places else ()
        self.depth = wanted_depth(wanted.depth, self.cameras, self.depths)
        # A few files stay open; one that is dropped here is closed when nobody reads from it any more.
        self._open = lru_cache(maxsize=8)(_open)
        self.lengths = np.array([usable(p.length, wanted) for p in self._places], np.int64)

    def announce(self, index: int) -> None:
        """See `EpisodeSource`. A whole file of many episodes would be fetched for one."""

    def read(self, index: int) -> Episode:
        """See `EpisodeSource`."""
        place = self._places[index]
        try:
            group = self._open(place.path)[place.group]
            state = np.concatenate([_matrix(group, f"obs/{name}") for name in self.state], axis=1)
            action = np.concatenate([_matrix(group, name) for name in self.action], axis=1)
            counts = {name: _pictures(group, f"obs/{name}") for name in self.cameras}
            deep = {name: _depth(group, f"obs/{name}") for name in self.depth}
        except (OSError, KeyError, ValueError) as error:
            raise broken(place.path, f"{place.group}: {error}") from error
        episode = Episode(
            path=place.path,
            number=index,
            instructions=[place.instruction],
            task=np.zeros(len(action), np.int32),
            state=state,
            action=action,
            cameras={name: self._frames(place, f"obs/{name}", counts[name]) for name in self.cameras},
            depth={name: self._depth(place, f"obs/{name}", deep[name]) for name in deep},
        )
        return prepare(episode, self.wanted)

    def _frames(self, place: _Place, name: str, length: int) -> LazyFrames[np.uint8]:
        return LazyFrames(length, lambda i: np.asarray(self._picture(place, name, i), np.uint8))

    def _depth(self, place: _Place, name: str, length: int) -> LazyFrames[np.uint16]:
        def load(i: int) -> NDArray[np.uint16]:
            depth = self._picture(place, name, i)
            depth = depth[..., 0] if depth.ndim == 3 else depth
            return depth if depth.dtype == np.uint16 else to_millimetres(depth)

        return LazyFrames(length, load)

    def _picture(self, place: _Place, name: str, i: int) -> NDArray[Any]:
        try:
            picture = np.asarray(self._open(place.path)[place.group][name][i])
        except (OSError, KeyError) as error:
            raise broken(place.path, f"{place.group}/{name}, step {i}: {error}") from error
        return upright(picture) if place.bottom_up else picture


def upright(picture: NDArray[Any]) -> NDArray[Any]:
    """A picture as OpenGL draws it, its rows turned the right way up. Nothing is mirrored.

    OpenVLA's copy of the data, and all that was made of it, is turned by 180 degrees instead, so left is right there: a
    policy must be tried with pictures like those that it was trained on.
    """
    return np.ascontiguousarray(picture[::-1])


def write_libero(folder: Path, tasks: Sequence[Sequence[Recording]]) -> None:
    """Write a file for each task, its recordings all with the same instruction; cameras are named as LIBERO's are."""
    folder.mkdir(parents=True, exist_ok=True)
    for recordings in tasks:
        sentence = recordings[0].instruction
        with h5py.File(folder / f"{sentence.replace(' ', '_')}_demo.hdf5", "w") as file:
            data = file.create_group("data")
            problem = {"problem_name": "libero_tabletop_manipulation", "language_instruction": sentence}
            data.attrs.update(
                {
                    "bddl_file_name": f"{sentence.replace(' ', '_')}.bddl",
                    "env_name": "Libero_Tabletop_Manipulation",
                    "env_args": json.dumps({"type": 1, "env_name": "Libero_Tabletop_Manipulation"}),
                    "macros_image_convention": _UPSIDE_DOWN,
                    "num_demos": len(recordings),
                    "problem_info": json.dumps(problem),
                    "tag": "libero-v1",
                    "total": sum(map(len, recordings)),
                }
            )
            for number, recording in enumerate(recordings):
                _write_demo(data.create_group(f"demo_{number}"), recording)


def _write_demo(group: h5py.Group, recording: Recording) -> None:
    length = len(recording)
    last = (np.arange(length) == length - 1).astype(np.uint8)
    group.attrs["num_samples"] = length
    group["actions"] = recording.action.astype(np.float64)
    group["dones"] = last
    group["rewards"] = last
    start = 0
    for name, width in STATE.items():
        group[f"obs/{name}"] = recording.state[:, start : start + width].astype(np.float64)
        start += width
    group["obs/ee_pos"] = group["obs/ee_states"][:, :3]
    group["obs/ee_ori"] = group["obs/ee_states"][:, 3:]
    group["obs/joint_states"] = np.zeros((length, 7))
    for camera, images in recording.images.items():
        group[f"obs/{camera}"] = images[:, ::-1]
    for camera, depth in recording.depth.items():
        group[f"obs/{camera}"] = (depth[:, ::-1, :, None] / 1000).astype(np.float32)


def _open(path: Path) -> h5py.File:
    with on_disk(path) as name:
        return h5py.File(name)


def _index(path: Path, action: str) -> list[_Place]:
    """The demonstrations in a file."""
    try:
        with _open(path) as file:
            data = file["data"]
            said = json.loads(data.attrs["problem_info"])["language_instruction"]
            instruction = said if isinstance(said, str) else " ".join(map(str, said))
            bottom_up = str(data.attrs.get("macros_image_convention", _UPSIDE_DOWN)) == _UPSIDE_DOWN
            names = sorted((n for n in data if n.startswith("demo_")), key=lambda n: int(n.removeprefix("demo_")))
            depths = tuple(n for n in data[names[0]].get("obs", ()) if n.endswith("_depth")) if names else ()
            return [_Place(path, f"data/{n}", len(data[n][action]), instruction, bottom_up, depths) for n in names]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise broken(path, f"not a file of LIBERO's ({error})") from error


def _matrix(group: h5py.Group, name: str) -> NDArray[np.float32]:
    values = np.asarray(_get(group, name), np.float32)
    if values.ndim != 2:
        raise ValueError(f"{name} is {list(values.shape)}, expected rows of numbers")
    return values


def _pictures(group: h5py.Group, name: str) -> int:
    pictures = _get(group, name)
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3:
        raise ValueError(f"{name} is {pictures.dtype} {list(pictures.shape)}, expected uint8 [T, H, W, 3]")
    return len(pictures)


def _depth(group: h5py.Group, name: str) -> int:
    depth = _get(group, name)
    if depth.dtype not in (np.uint16, np.float32) or depth.ndim not in (3, 4) or depth.shape[3:] not in ((), (1,)):
        found = f"{depth.dtype} {list(depth.shape)}"
        raise ValueError(f"{name} is {found}, expected float32 metres or uint16 millimetres, [T, H, W] or [T, H, W, 1]")
    return len(depth)


def _get(group: h5py.Group, name: str) -> h5py.Dataset:
    if name not in group:
        raise ValueError(f"no {name}")
    return group[name]
