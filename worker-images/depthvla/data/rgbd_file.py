"""Folders of pictures with depth: one dataset, or several side by side, in shares that ``rgbd.json`` may say.

::

    {"datasets": [{"path": "scannet", "weight": 2}, {"path": "other/scannet", "name": "more"}, {"path": "hypersim"}]}

``path`` is relative to the file. Without it, each folder that has a format's name is a dataset. A dataset without a
weight counts as many scenes as it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from depthvla.data.broken import broken
from depthvla.data.files import read_json
from depthvla.data.hypersim import SPLITS
from depthvla.data.rgbd_stream import RgbdPart
from depthvla.data.scannet import LISTS as SCANNET
from depthvla.data.scannetpp import LISTS as SCANNETPP
from depthvla.data.scenes import FORMATS
from depthvla.runtime.failure import CONFIG, WorkerError

FILE = "rgbd.json"
_FIELDS = ("path", "name", "weight")


def format_of(folder: Path) -> str | None:
    """What a folder is, by the files in it: a key of `FORMATS`, or None."""
    marks = {"scannet": SCANNET["train"], "scannetpp": SCANNETPP["train"], "hypersim": SPLITS}
    found = next((name for name, mark in marks.items() if (folder / mark).is_file()), None)
    return found or ("wildrgbd" if any(folder.glob("*/nvs_list.json")) else None)


def open_rgbd(folder: Path, name: str | None = None, weight: float = 0.0) -> list[RgbdPart]:
    """The datasets of a folder.

    Args:
        folder: a dataset, or with datasets in it.
        name, weight: of the dataset, if the folder is one; a weight of 0 is its number of scenes.

    Raises:
        WorkerError: DATA_BROKEN, MIXTURE_INVALID, naming the file and the field.
    """
    if (folder / FILE).is_file():
        return _read(folder / FILE)
    if (found := format_of(folder)) is not None:
        return [_part(folder, found, name or folder.name, weight)]
    inside = [kind for kind in FORMATS if (folder / kind).is_dir()]
    if not inside:
        hint = f"a folder of one of these formats, or with {', '.join(FORMATS)} in it, or {FILE}"
        raise broken(folder, "no pictures with depth in it", hint)
    return [_part(folder / kind, kind, kind, 0.0) for kind in inside]


def _part(folder: Path, kind: str, name: str, weight: float) -> RgbdPart:
    scenes = FORMATS[kind](folder)
    return RgbdPart(name, folder, scenes, weight or sum(scene.split == "train" for scene in scenes))


def _read(path: Path) -> list[RgbdPart]:
    file = read_json(path)
    entries = file.get("datasets") if isinstance(file, Mapping) and len(file) == 1 else None
    if not isinstance(entries, Sequence) or not entries:
        raise _invalid(path, "datasets", "expected a list of them, and nothing else")
    parts = []
    for number, entry in enumerate(entries):
        where = f"datasets[{number}]"
        if not isinstance(entry, Mapping) or not isinstance(entry.get("path"), str):
            raise _invalid(path, f"{where}.path", "missing")
        for name in entry:
            if name not in _FIELDS:
                raise _invalid(path, f"{where}.{name}", f"no such field; there are {', '.join(_FIELDS)}")
        folder, weight = Path(entry["path"]), entry.get("weight", 0)
        if folder.is_absolute() or ".." in folder.parts:
            raise _invalid(path, f"{where}.path", f"is {entry['path']!r}, expected a path in the folder of this file")
        if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 <= weight < float("inf"):
            raise _invalid(path, f"{where}.weight", f"is {weight!r}, expected a number above 0")
        kind = format_of(path.parent / folder)
        if kind is None:
            raise broken(path.parent / folder, f"none of the formats {', '.join(FORMATS)}")
        parts.append(_part(path.parent / folder, kind, str(entry.get("name", folder.name)), float(weight)))
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        raise _invalid(path, "datasets", f"their names are {names}: give those that are the same a `name`")
    return parts


def _invalid(path: Path, field: str, problem: str) -> WorkerError:
    return WorkerError("MIXTURE_INVALID", f"{path}: {field}: {problem}", exit_code=CONFIG)
