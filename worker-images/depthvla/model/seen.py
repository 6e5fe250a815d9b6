"""Whether what a policy is shown can be what it was trained on. Each problem is one error that names the field."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthvla.data.reading import FARTHEST, NEAREST
from depthvla.model.config import ModelConfig
from depthvla.runtime.failure import WorkerError


def check_image(field: str, image: object, size: int) -> NDArray[np.uint8]:
    """One RGB picture, uint8 ``[size, size, 3]``.

    Raises:
        WorkerError: OBSERVATION_INVALID.
    """
    array = _array(field, image)
    if array.dtype != np.uint8:
        raise invalid(field, f"is {array.dtype}, expected uint8 from 0 to 255")
    if array.shape == (3, size, size):
        raise invalid(field, f"has shape {list(array.shape)}: colours come last, [{size}, {size}, 3]")
    if array.shape != (size, size, 3):
        raise invalid(field, f"has shape {list(array.shape)}, expected [{size}, {size}, 3]")
    return array


def check_vector(field: str, vector: object, width: int) -> NDArray[np.float32]:
    """One state: numbers ``[width]``, all of them finite.

    Raises:
        WorkerError: OBSERVATION_INVALID.
    """
    array = _array(field, vector)
    if array.dtype.kind not in "fiu":
        raise invalid(field, f"is {array.dtype}, expected numbers")
    if array.shape != (width,):
        raise invalid(field, f"has shape {list(array.shape)}, expected [{width}]")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        which = int(np.flatnonzero(~np.isfinite(array))[0])
        raise invalid(field, f"dimension {which} is {array[which]}")
    return array


def check_depth(field: str, depth: object, size: int) -> NDArray[np.float32]:
    """One depth map, metres ``[size, size]``; what isn't finite and above 0 wasn't measured, and becomes 0.

    Raises:
        WorkerError: OBSERVATION_INVALID.
    """
    array = _array(field, depth)
    if array.dtype.kind != "f":
        raise invalid(field, f"is {array.dtype}, expected float32 in metres")
    if array.shape != (size, size):
        raise invalid(field, f"has shape {list(array.shape)}, expected [{size}, {size}]")
    metres = np.where(np.isfinite(array) & (array > 0), array, 0).astype(np.float32)
    measured = metres[metres > 0]
    if not measured.size:
        raise invalid(field, "no pixel is measured")
    if not NEAREST <= (middle := float(np.median(measured))) <= FARTHEST:
        raise invalid(field, f"its middle is {middle:.3g}: not metres")
    return metres


def check_batch(config: ModelConfig, images: NDArray[np.uint8], state: NDArray[np.float32], count: int) -> None:
    """Pictures ``[B, C, H, W, 3]`` and states ``[B, S]`` of a batch.

    Raises:
        WorkerError: OBSERVATION_INVALID.
    """
    pictures = (count, config.cameras, config.image, config.image, 3)
    if images.shape != pictures:
        raise invalid("images", f"has shape {list(images.shape)}, expected {list(pictures)}")
    if state.shape != (count, config.state):
        raise invalid("state", f"has shape {list(state.shape)}, expected {[count, config.state]}")
    if images.dtype != np.uint8:
        raise invalid("images", f"is {images.dtype}, expected uint8 from 0 to 255")
    if not np.isfinite(state).all():
        row, which = np.argwhere(~np.isfinite(state))[0]
        raise invalid("state", f"dimension {which} of row {row} is {state[row, which]}")


def check_measured(config: ModelConfig, depth: NDArray[np.float32] | None, count: int) -> NDArray[np.float32]:
    """Depth ``[B, D, H, W]`` of a batch, for a policy that takes measured depth.

    Raises:
        WorkerError: OBSERVATION_INVALID.
    """
    if depth is None:
        raise invalid("depth", "is missing: this policy takes measured depth")
    shape = (count, config.depth_cameras, config.image, config.image)
    if depth.shape != shape:
        raise invalid("depth", f"has shape {list(depth.shape)}, expected {list(shape)}")
    flat = [check_depth("depth", each, config.image) for each in depth.reshape(-1, config.image, config.image)]
    return np.stack(flat).reshape(shape)


def invalid(field: str, problem: str, hint: str | None = None) -> WorkerError:
    return WorkerError("OBSERVATION_INVALID", f"{field}: {problem}", hint=hint)


def _array(field: str, value: object) -> NDArray[Any]:
    if isinstance(value, np.ndarray):
        return value
    raise invalid(field, f"is a {type(value).__name__}, expected an array")
