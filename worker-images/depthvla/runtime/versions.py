"""What a result was made with."""

from __future__ import annotations

import importlib.metadata
import platform

NAMES = ("torch", "numpy", "mujoco", "metaworld")


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide numbers; read from metadata, nothing is imported."""
    found = {"python": platform.python_version()}
    for name in NAMES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
