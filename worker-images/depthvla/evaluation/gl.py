"""Chooses how MuJoCo draws without a display."""

import ctypes.util
import os

from depthvla.runtime.failure import WorkerError

_LIBRARIES = {"egl": "EGL", "osmesa": "OSMesa"}


def choose_gl() -> None:
    """Set ``MUJOCO_GL`` to a library that this machine has, and Mesa's software renderer to one thread.

    One thread because rollouts already run one process a core; more only get in each other's way. To be called
    before `mujoco` is imported, which reads the choice then.
    """
    os.environ.setdefault("LP_NUM_THREADS", "1")
    if "MUJOCO_GL" not in os.environ:
        found = (name for name, library in _LIBRARIES.items() if ctypes.util.find_library(library))
        os.environ["MUJOCO_GL"] = next(found, "egl")


def require_gl() -> None:
    """Say what to install where there is nothing to draw with.

    Raises:
        WorkerError: GL_MISSING.
    """
    library = _LIBRARIES.get(os.environ.get("MUJOCO_GL", ""))
    if library and not ctypes.util.find_library(library):
        raise WorkerError(
            "GL_MISSING",
            f"MuJoCo has no library to draw with: lib{library} is not installed",
            hint="apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri libopengl0",
            exit_code=1,
        )
