"""`meta/info.json` of a LeRobotDataset, v2.0 to v3.0."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from depthvla.data.broken import broken

VERSIONS = ("v2.0", "v2.1", "v3.0")
FILE = "meta/info.json"


@dataclass(frozen=True)
class LeRobotInfo:
    """The part of it that is read here.

    Attributes:
        version: one of `VERSIONS`.
        features: as they are said, by name.
        data_path, video_path: templates of paths; a dataset without videos has no `video_path`.
        chunk_size: in v2, episodes a chunk.
    """

    version: str
    fps: float
    features: Mapping[str, Mapping[str, object]]
    data_path: str
    video_path: str
    chunk_size: int

    @property
    def cameras(self) -> tuple[str, ...]:
        """Colour cameras, as videos or as pictures."""
        return tuple(name for name, f in self.features.items() if f.get("dtype") in ("video", "image") and not _deep(f))

    @property
    def depths(self) -> tuple[str, ...]:
        """Depth cameras that can be read: pictures in the tables."""
        return tuple(name for name, f in self.features.items() if f.get("dtype") == "image" and _deep(f))

    def is_video(self, name: str) -> bool:
        return self.features[name].get("dtype") == "video"

    def names(self, columns: tuple[str, ...]) -> tuple[str, ...] | None:
        """What each dimension of these features is; None where one of them doesn't say."""
        out: list[str] = []
        for column in columns:
            names = _flat(self.features.get(column, {}).get("names"))
            if names is None:
                return None
            out += names
        return tuple(out)


def read_info(path: Path) -> LeRobotInfo:
    """Read it.

    Raises:
        WorkerError: DATA_BROKEN, naming the field.
    """
    if not path.is_file():
        raise broken(path, "no such file", "a LeRobotDataset folder has meta/info.json in it")
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise broken(path, f"not JSON ({error})") from error
    version = info.get("codebase_version") if isinstance(info, dict) else None
    if version not in VERSIONS:
        wanted = ", ".join(VERSIONS)
        raise broken(
            path, f"codebase_version is {version!r}, expected one of {wanted}", "convert it with LeRobot's own tool"
        )
    for name, kinds in (("fps", (int, float)), ("features", (dict,)), ("data_path", (str,))):
        if not isinstance(info.get(name), kinds) or info[name] in (0, True):
            raise broken(path, f"{name} is {info.get(name)!r}, expected {kinds[-1].__name__}")
    features = info["features"]
    for name, feature in features.items():
        if not isinstance(feature, dict) or "dtype" not in feature:
            raise broken(path, f"features: {name} has no dtype")
    if any(f["dtype"] == "video" for f in features.values()) and not isinstance(info.get("video_path"), str):
        raise broken(path, f"video_path is {info.get('video_path')!r}, but there are videos among the features")
    chunk_size = info.get("chunks_size", 1000)
    if not isinstance(chunk_size, int) or chunk_size < 1:
        raise broken(path, f"chunks_size is {chunk_size!r}, expected a whole number ≥ 1")
    return LeRobotInfo(version, info["fps"], features, info["data_path"], info.get("video_path") or "", chunk_size)


def _deep(feature: Mapping[str, object]) -> bool:
    """Whether it is depth: it is said to be, or has one channel."""
    shape = feature.get("shape")
    one_channel = isinstance(shape, list) and (len(shape) == 2 or 1 in shape)
    return one_channel or any(
        isinstance(more, dict) and (more.get("video.is_depth_map") or more.get("is_depth_map")) is True
        for more in (feature.get("info"), feature.get("video_info"))
    )


def _flat(names: object) -> list[str] | None:
    """Names come as a list, a list in a list, or a list under `motors` (or `axes`), or not at all."""
    if isinstance(names, dict):
        parts = [_flat(v) for v in names.values()]
        return None if any(p is None for p in parts) else [n for p in parts for n in p or []]
    if isinstance(names, list) and names and all(isinstance(n, list) for n in names):
        return _flat(names[0]) if len(names) == 1 else None
    return [str(n) for n in names] if isinstance(names, list) and names else None
