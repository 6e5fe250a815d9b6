"""Opens a folder of demonstrations, whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from depthvla.data.broken import broken
from depthvla.data.episodes import EpisodeSource, Wanted
from depthvla.data.lerobot import LeRobot
from depthvla.data.lerobot_info import FILE
from depthvla.data.libero import Libero, hdf5_in
from depthvla.data.rlds import Rlds
from depthvla.data.tfds import FEATURES, INFO

Opener = Callable[[Path, Wanted | None, str | None], EpisodeSource]
OPENERS: dict[str, Opener] = {"lerobot": LeRobot, "rlds": Rlds, "libero": Libero}


def format_of(folder: Path) -> str | None:
    """What a folder is, by the files in it: a key of `OPENERS`, or None where it is none of these."""
    if (folder / FILE).is_file():
        return "lerobot"
    if any((folder / name).is_file() or any(folder.glob(f"*/{name}")) for name in (FEATURES, INFO)):
        return "rlds"
    return "libero" if hdf5_in(folder) else None


def open_dataset(folder: Path, wanted: Wanted | None = None, name: str | None = None) -> EpisodeSource:
    """A dataset of any of these formats.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and the field.
    """
    found = format_of(folder)
    if found is None:
        hint = f"LeRobot has {FILE} in it, RLDS {FEATURES}, LIBERO *.hdf5"
        raise broken(folder, "neither a LeRobotDataset nor RLDS nor LIBERO", hint)
    return OPENERS[found](folder, wanted, name)
