"""Messages as openpi's policy server and client write them: msgpack, with numpy's arrays and numbers as maps.

An array is ``{b"__ndarray__": true, b"data": bytes, b"dtype": "<f4", b"shape": [2, 3]}``, in C order; a number of
numpy's is ``{b"__npgeneric__": true, b"data": 1.5, b"dtype": "<f4"}``. Names of these fields are bytes, all others
text. Source: packages/openpi-client/src/openpi_client/msgpack_numpy.py of
[openpi](https://github.com/Physical-Intelligence/openpi).
"""

from __future__ import annotations

from typing import Any, cast

import msgpack
import numpy as np

from depthvla.runtime.failure import WorkerError

LARGEST = 1 << 28
"""Bytes of a message."""
_KINDS = "biufSU"
"""Of numbers and texts; no objects, no records."""


def encode(message: object) -> bytes:
    return cast(bytes, msgpack.packb(message, default=_pack))


def decode(data: bytes | str) -> Any:
    """Arrays share the message's memory, and can't be written to.

    Raises:
        WorkerError: MESSAGE_INVALID.
    """
    if isinstance(data, str):
        raise _invalid("it is text, expected bytes of msgpack")
    try:
        return msgpack.unpackb(data, object_hook=_unpack)
    except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
        raise _invalid(str(error) or type(error).__name__) from error


def _pack(value: object) -> object:
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind not in _KINDS:
        raise TypeError(f"arrays of {value.dtype} can't be sent")
    if isinstance(value, np.ndarray):
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
    if isinstance(value, np.generic):
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    raise TypeError(f"a {type(value).__name__} can't be sent")


def _unpack(value: dict[Any, Any]) -> object:
    if b"__ndarray__" not in value and b"__npgeneric__" not in value:
        return value
    dtype = np.dtype(value[b"dtype"])
    if dtype.kind not in _KINDS:
        raise ValueError(f"arrays of {dtype} aren't taken")
    if b"__npgeneric__" in value:
        return dtype.type(value[b"data"])
    shape = value[b"shape"]
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"an array can't have the shape {shape}")
    return np.frombuffer(value[b"data"], dtype).reshape(shape)


def _invalid(problem: str) -> WorkerError:
    return WorkerError("MESSAGE_INVALID", f"the message can't be read: {problem}")
