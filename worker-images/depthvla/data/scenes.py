"""Formats of pictures with depth, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from depthvla.data.frames import SceneRef
from depthvla.data.hypersim import list_hypersim
from depthvla.data.scannet import list_scannet
from depthvla.data.scannetpp import list_scannetpp
from depthvla.data.wildrgbd import list_wildrgbd

FORMATS: dict[str, Callable[[Path], list[SceneRef]]] = {
    "scannet": list_scannet,
    "hypersim": list_hypersim,
    "scannetpp": list_scannetpp,
    "wildrgbd": list_wildrgbd,
}
