"""Chooses how MuJoCo draws without a display. Import before `mujoco`, which reads the choice when it is imported."""

import ctypes.util
import os


def choose_gl() -> str:
    """Set ``MUJOCO_GL`` to a library that this machine has, and Mesa's software renderer to one thread.

    One thread because rollouts already run one process a core; threads of their own only get in each other's way.

    Returns:
        ``egl`` or ``osmesa``, or what ``MUJOCO_GL`` already said.

    Raises:
        RuntimeError: when neither library is installed.
    """
    os.environ.setdefault("LP_NUM_THREADS", "1")
    chosen = os.environ.get("MUJOCO_GL")
    if not chosen:
        found = [name for name, library in (("egl", "EGL"), ("osmesa", "OSMesa")) if ctypes.util.find_library(library)]
        if not found:
            raise RuntimeError(
                "MuJoCo finds no library to draw with: install libegl1, libegl-mesa0 and libgl1-mesa-dri (or libosmesa6)"
            )
        chosen = os.environ["MUJOCO_GL"] = found[0]
    return chosen
