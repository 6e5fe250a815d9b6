import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from depthvla.data.lerobot_v21_writer import write_lerobot_v21
from depthvla.data.lerobot_writer import LeRobotWriter
from depthvla.data.recording import Recording

Make = Callable[..., Recording]


@pytest.fixture
def record() -> Make:
    """Makes a recording whose every frame is a flat grey of its own, so that a frame out of place shows."""

    def make(
        number: int,
        length: int,
        cameras: Sequence[str] = ("front",),
        *,
        state: int = 4,
        action: int = 2,
        instruction: str | None = None,
    ) -> Recording:
        rng = np.random.default_rng(number)
        images = {}
        for place, camera in enumerate(cameras):
            grey = 20 + 60 * (number % 3) + 8 * np.arange(length) + 4 * place
            images[camera] = np.repeat(grey, 32 * 32 * 3).reshape(length, 32, 32, 3).astype(np.uint8)
        return Recording(
            ("open it", "press it")[number % 2] if instruction is None else instruction,
            images,
            rng.normal(size=(length, state)).astype(np.float32),
            rng.normal(size=(length, action)).astype(np.float32),
        )

    return make


@pytest.fixture
def write_v3() -> Callable[..., None]:
    """Writes LeRobotDataset v3.0."""

    def write(
        folder: Path, recordings: Sequence[Recording], episodes_per_file: int | None = None, per_chunk: int = 1000
    ) -> None:
        first = recordings[0]
        state = [f"s{i}" for i in range(first.state.shape[1])]
        action = [f"a{i}" for i in range(first.action.shape[1])]
        writer = LeRobotWriter(folder, 10, list(first.images), "arm", state, action, episodes_per_file, per_chunk)
        for recording in recordings:
            writer.add(recording)
        writer.close()

    return write


@pytest.fixture
def write_v21() -> Callable[..., None]:
    """Writes LeRobotDataset v2.1."""

    def write(folder: Path, recordings: Sequence[Recording], chunk_size: int = 1000) -> None:
        write_lerobot_v21(
            folder, recordings, fps=10, robot="arm", state_names=[f"s{i}" for i in range(recordings[0].state.shape[1])],
            action_names=[f"a{i}" for i in range(recordings[0].action.shape[1])], chunk_size=chunk_size,
        )  # fmt: skip

    return write


@pytest.fixture
def resident() -> Callable[[], int]:
    """Says how many bytes of this process are in memory, without what is free and only not given back."""

    def measure() -> int:
        ctypes.CDLL(None).malloc_trim(0)
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    return measure
