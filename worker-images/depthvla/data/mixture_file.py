"""``mixture.json``: which datasets are mixed, in what shares, and which of their cameras and dimensions is which.

::

    {"datasets": [
      {"path": "bridge_dataset", "weight": 3, "like": "bridge", "cameras": {"main": "image_0", "wrist": null}},
      {"path": "part1_r1_lite", "weight": 1, "like": "galaxea", "instruction_part": 2,
       "cameras": {"main": "image_camera_head", "wrist": "image_camera_wrist_left"},
       "state_dimensions": [0, 1, 2, 3, 4, 5, 6], "action_dimensions": [0, 1, 2, 3, 4, 5, 6]}
    ]}

``path`` is relative to the file. The rest may be left out. ``like`` names what is known of a published dataset
(like.py), and the fields beside it change that; ``state`` and ``action`` are names of features, ``state_dimensions``
and ``action_dimensions`` say for each of the mixture's dimensions the dataset's, -1 for none; ``transforms`` are names
of transforms.py; ``depth`` says what the dataset calls the depth of a camera, where names don't say it (see
depth_of_camera.py). See `Part` and `Wanted`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from depthvla.data.datasets import format_of, open_dataset
from depthvla.data.episodes import Wanted
from depthvla.data.files import read_json
from depthvla.data.like import LIKE
from depthvla.data.mixture import Mixture, MixtureSettings
from depthvla.data.parts import Part
from depthvla.data.transforms import TRANSFORMS
from depthvla.runtime.failure import CONFIG, WorkerError

FILE = "mixture.json"
Labels = Path | Mapping[str, Path]


def open_mixture(
    folder: Path, settings: MixtureSettings, say: Callable[[str], None] = lambda _: None, labels: Labels | None = None,
    usable: Callable[[str], bool] = lambda _: True, like: str = "",
) -> Mixture:  # fmt: skip
    """The mixture that a folder describes, or the one dataset that it is.

    Args:
        folder: with `FILE` in it, or a dataset.
        settings: of the mixture. Where depth is measured, the depth that goes with the cameras is read, too.
        say: is told of what is left out.
        labels: where `settings.depth` is `labels`: of one dataset its labels; of a mixture those of its datasets, by
            their names.
        usable: whether an instruction can be used.
        like: the published dataset that a folder without `FILE` is laid out as, a key of `LIKE`, or nothing.

    Raises:
        WorkerError: MIXTURE_INVALID, LABELS_INVALID, DATA_BROKEN, naming the file and the field.
    """
    path = folder / FILE
    base = Wanted(depth=None if settings.depth == "measured" else ())
    if path.is_file():
        if like:
            raise _invalid(path, "like", f"{like!r} is asked for, but this file says for each dataset what it is")
        parts = _read_parts(path, base)
    else:
        parts = [Part(open_dataset(folder, replace(_like(folder, "like", folder, like), depth=base.depth)))]
    if settings.depth == "labels":
        if labels is None:
            raise WorkerError("LABELS_INVALID", "depth is to come from labels, but there are none", exit_code=CONFIG)
        parts = _with_labels(parts, labels)
    return Mixture(parts, settings, say, usable)


def _with_labels(parts: list[Part], labels: Labels) -> list[Part]:
    if not isinstance(labels, Mapping):
        own = {part.source.name: labels / part.source.name for part in parts}
        of_one = {name: folder if folder.is_dir() else labels for name, folder in own.items()}
        labels = of_one if len(parts) == 1 else {name: folder for name, folder in own.items() if folder.is_dir()}
    names = [part.source.name for part in parts]
    if unknown := [name for name in labels if name not in names]:
        problem = f"there are labels of {', '.join(unknown)}, but the datasets are {', '.join(names)}"
        raise WorkerError("LABELS_INVALID", problem, hint="bind them as `labels-<dataset>`", exit_code=CONFIG)
    return [replace(part, labels=labels.get(part.source.name)) for part in parts]


def _read_parts(path: Path, base: Wanted) -> list[Part]:
    file = read_json(path)
    entries = file.get("datasets") if isinstance(file, dict) else None
    if not isinstance(entries, list) or not entries:
        raise _invalid(path, "datasets", "missing, expected a list of them")
    if len(file) > 1:
        raise _invalid(path, next(k for k in file if k != "datasets"), "no such field")
    parts = [_read_part(path, f"datasets[{i}]", entry, base) for i, entry in enumerate(entries)]
    names = [part.source.name for part in parts]
    if len(set(names)) < len(names):
        raise _invalid(path, "datasets", f"their names are {names}: give those that are the same a `name`")
    return parts


def _read_part(path: Path, where: str, entry: object, base: Wanted) -> Part:
    if not isinstance(entry, dict):
        raise _invalid(path, where, f"is {entry!r}, expected an object")
    for name in entry:
        if name not in _FIELDS:
            raise _invalid(path, f"{where}.{name}", f"no such field; there are {', '.join(_FIELDS)}")
    for name, value in entry.items():
        check, expected = _FIELDS[name]
        if not check(value):
            raise _invalid(path, f"{where}.{name}", f"is {value!r}, expected {expected}")
    if "path" not in entry:
        raise _invalid(path, f"{where}.path", "missing")
    cameras = entry.get("cameras")
    like = _like(path, f"{where}.like", path.parent / entry["path"], entry.get("like", ""))
    base = replace(like, depth=base.depth)
    lists = ("state", "action", "transforms")
    changes: dict[str, Any] = {name: tuple(entry[name]) for name in lists if name in entry}
    changes |= {name: entry[name] for name in ("instruction_part", "skip_first") if name in entry}
    if cameras is not None:
        changes["cameras"] = tuple(theirs for theirs in cameras.values() if theirs is not None)
    if "depth" in entry and base.depth is None:
        changes["depth"] = tuple(entry["depth"].values())
    wanted = replace(base, **changes)
    source = open_dataset(path.parent / entry["path"], wanted, entry.get("name"))
    return Part(
        source,
        entry.get("weight", 1),
        cameras,
        tuple(entry["state_dimensions"]) if "state_dimensions" in entry else None,
        tuple(entry["action_dimensions"]) if "action_dimensions" in entry else None,
        entry.get("depth"),
    )


def _like(path: Path, where: str, folder: Path, like: str) -> Wanted:
    if not like:
        return Wanted()
    known, found = LIKE[like], format_of(folder)
    if found not in known:
        raise _invalid(path, where, f"{like} is known as {', '.join(known)}, this is {found}")
    return known[found]


def _invalid(path: Path, field: str, problem: str) -> WorkerError:
    return WorkerError("MIXTURE_INVALID", f"{path}: {field}: {problem}", exit_code=CONFIG)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_inside(value: object) -> bool:
    return isinstance(value, str) and not Path(value).is_absolute() and ".." not in Path(value).parts


def _are_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _are_dimensions(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_whole(v, -1) for v in value)


def _are_cameras(value: object) -> bool:
    return isinstance(value, dict) and all(v is None or _is_text(v) for v in value.values())


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


_DIMENSIONS: tuple[Callable[[Any], bool], str] = (_are_dimensions, "whole numbers ≥ -1")
_NAMES: tuple[Callable[[Any], bool], str] = (_are_names, "names of features")
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "path": (_is_inside, "a path in the folder of this file"),
    "name": (_is_text, "a name"),
    "weight": (_is_weight, "a number above 0"),
    "like": (lambda v: isinstance(v, str) and v in LIKE, f"one of {', '.join(LIKE)}"),
    "cameras": (_are_cameras, "for each camera the dataset's name of it, or null"),
    "state": _NAMES,
    "action": _NAMES,
    "depth": (
        lambda v: isinstance(v, dict) and all(map(_is_text, v.values())),
        "for each camera with depth the dataset's name of that",
    ),
    "state_dimensions": _DIMENSIONS,
    "action_dimensions": _DIMENSIONS,
    "instruction_part": (lambda v: _is_whole(v, 0), "a whole number ≥ 0"),
    "transforms": (
        lambda v: isinstance(v, list) and all(isinstance(name, str) and name in TRANSFORMS for name in v),
        f"a list of {', '.join(TRANSFORMS)}",
    ),
    "skip_first": (lambda v: _is_whole(v, 0), "a whole number ≥ 0"),
}
