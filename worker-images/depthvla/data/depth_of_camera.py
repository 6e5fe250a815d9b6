"""Which depth goes with which camera, by the names that datasets give them.

``agentview_rgb`` and ``agentview_depth``, ``image_camera_wrist_left`` and ``depth_camera_wrist_left``,
``observation.images.front`` and ``observation.images.front_depth``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_KIND = {"rgb", "image", "images", "color", "colour", "depth"}


def depth_of_cameras(cameras: Sequence[str], depths: Sequence[str]) -> dict[str, str]:
    """For each camera that has one, the depth whose name differs from its own in the kind of picture alone."""
    found = {_view(name): name for name in depths}
    return {camera: found[_view(camera)] for camera in cameras if _view(camera) in found}


def _view(name: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[._/]", name.lower()) if word not in _KIND)


def wanted_depth(asked: Sequence[str] | None, cameras: Sequence[str], depths: Sequence[str]) -> tuple[str, ...]:
    """What `Wanted.depth` asks for."""
    return tuple(depth_of_cameras(cameras, depths).values()) if asked is None else tuple(asked)
