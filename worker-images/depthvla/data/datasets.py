"""Opens a folder of demonstrations, whatever its format."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from depthvla.data.broken import broken
from depthvla.data.episodes import EpisodeSource, Wanted
from depthvla.data.lerobot import LeRobot
from depthvla.data.lerobot_info import FILE
from depthvla.data.libero import Libero
from depthvla.data.rlds import Rlds
from depthvla.data.tfds import FEATURES, INFO

ActionFormat = Literal["lerobot", "rlds", "libero"]
FORMATS: tuple[ActionFormat, ...] = get_args(ActionFormat)


def format_of(folder: Path) -> ActionFormat | None:
    """What a folder is, by the files in it; None where it is none of these."""
    if (folder / FILE).is_file():
        return "lerobot"
    if any((folder / name).is_file() or list(folder.glob(f"*/{name}")) for name in (FEATURES, INFO)):
        return "rlds"
    if any(folder.glob("*.hdf5")):
        return "libero"
    return None


def open_dataset(folder: Path, wanted: Wanted | None = None, name: str | None = None) -> EpisodeSource:
    """A dataset of any of these formats.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and the field.
    """
    match format_of(folder):
        case "lerobot":
            return LeRobot(folder, wanted, name)
        case "rlds":
            return Rlds(folder, wanted, name)
        case "libero":
            return Libero(folder, wanted, name)
        case None:
            hint = f"LeRobot has {FILE} in it, RLDS {FEATURES}, LIBERO *.hdf5"
            raise broken(folder, "neither a LeRobotDataset nor RLDS nor LIBERO", hint)
