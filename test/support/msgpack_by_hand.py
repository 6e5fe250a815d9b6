"""As much of msgpack (https://github.com/msgpack/msgpack/blob/master/spec.md) as an openpi client and server exchange,
and openpi's arrays in it, written from their descriptions and not from our own code."""

import struct
from typing import Any

import numpy as np


def pack(value: Any) -> bytes:
    """The widest form of each type: any reader must take it."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xd3" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\xdb" + struct.pack(">I", len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return b"\xc6" + struct.pack(">I", len(value)) + value
    if isinstance(value, (list, tuple)):
        return b"\xdd" + struct.pack(">I", len(value)) + b"".join(pack(v) for v in value)
    if isinstance(value, dict):
        return b"\xdf" + struct.pack(">I", len(value)) + b"".join(pack(k) + pack(v) for k, v in value.items())
    assert isinstance(value, np.ndarray)
    fields = {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": list(value.shape)}
    return pack(fields)


def unpack(data: bytes) -> Any:
    value, rest = _take(data)
    assert rest == b""
    return value


def _take(data: bytes) -> tuple[Any, bytes]:
    tag, data = data[0], data[1:]
    if tag < 0x80:
        return tag, data
    if tag >= 0xE0:
        return tag - 256, data
    if tag < 0x90:
        return _map(data, tag & 15)
    if tag < 0xA0:
        return _list(data, tag & 15)
    if tag < 0xC0:
        return _text(data, tag & 31)
    if tag in _SINGLE:
        return _SINGLE[tag], data
    if tag in _NUMBER:
        form = _NUMBER[tag]
        size = struct.calcsize(form)
        return struct.unpack(form, data[:size])[0], data[size:]
    form, read = _SIZED[tag]
    size = struct.calcsize(form)
    return read(data[size:], struct.unpack(form, data[:size])[0])


def _list(data: bytes, count: int) -> tuple[list[Any], bytes]:
    out = []
    for _ in range(count):
        value, data = _take(data)
        out.append(value)
    return out, data


def _map(data: bytes, count: int) -> tuple[Any, bytes]:
    flat, data = _list(data, 2 * count)
    out = dict(zip(flat[::2], flat[1::2], strict=True))
    if b"__ndarray__" in out:
        return np.ndarray(out[b"shape"], out[b"dtype"], out[b"data"]), data
    return out, data


def _text(data: bytes, size: int) -> tuple[str, bytes]:
    return data[:size].decode(), data[size:]


def _bytes(data: bytes, size: int) -> tuple[bytes, bytes]:
    return data[:size], data[size:]


_SINGLE = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBER = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
_SIZED: dict[int, tuple[str, Any]] = {
    0xC4: (">B", _bytes), 0xC5: (">H", _bytes), 0xC6: (">I", _bytes),
    0xD9: (">B", _text), 0xDA: (">H", _text), 0xDB: (">I", _text),
    0xDC: (">H", _list), 0xDD: (">I", _list), 0xDE: (">H", _map), 0xDF: (">I", _map),
}  # fmt: skip
