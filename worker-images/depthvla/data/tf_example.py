"""`tf.train.Example` and `SequenceExample`: the few kinds of message that they are made of, read and written.

Not with Google's protobuf package: it would copy every picture of an episode into objects to give one of them; here a
feature is found by walking over lengths, and a picture stays where it is until it is asked for.

::

    Example         1: Features
    SequenceExample 1: Features   2: FeatureLists, a map of name -> { 1: Feature … }
    Features        1: map of name -> Feature
    Feature         1: BytesList | 2: FloatList | 3: Int64List, each { 1: value … }, numbers packed or one by one
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from mmap import mmap

import numpy as np
from numpy.typing import NDArray

Buffer = bytes | mmap
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Feature:
    """The values of a feature, where they are in a buffer: one piece, or one a step in a SequenceExample."""

    buffer: Buffer
    pieces: tuple[tuple[int, int], ...]

    def floats(self) -> NDArray[np.float32]:
        """Raises ValueError where the values are of another kind."""
        return np.frombuffer(b"".join(self.buffer[a:b] for a, b in self._values(2, (_BYTES, _FIXED32))), "<f4")

    def count_floats(self) -> int:
        return sum(b - a for a, b in self._values(2, (_BYTES, _FIXED32))) // 4

    def ints(self) -> NDArray[np.int64]:
        """Raises ValueError where the values are of another kind."""
        values = []
        for start, end in self._values(3, (_BYTES, _VARINT)):
            at = start
            while at < end:
                value, at = _varint(self.buffer, at, end)
                values.append(value - (1 << 64) if value >> 63 else value)
        return np.array(values, np.int64)

    def places(self) -> list[tuple[int, int]]:
        """Where each value of bytes starts and ends. Raises ValueError where the values are of another kind."""
        return list(self._values(1, (_BYTES,)))

    def texts(self) -> list[str]:
        return [bytes(self.buffer[a:b]).decode("utf-8", errors="replace") for a, b in self.places()]

    def _values(self, kind: int, wires: tuple[int, ...]) -> Iterator[tuple[int, int]]:
        for start, end in self.pieces:
            for number, _, a, b in _fields(self.buffer, start, end):
                if number != kind:
                    raise ValueError(f"values of kind {number}, expected {kind} (1 bytes, 2 float, 3 int64)")
                for _, wire, c, d in _fields(self.buffer, a, b):
                    if wire not in wires:
                        raise ValueError(f"a value of wire type {wire}, expected one of {wires}")
                    yield c, d


def parse_example(buffer: Buffer, start: int = 0, end: int | None = None) -> dict[str, Feature]:
    """The features of an Example or a SequenceExample by name.

    Raises:
        ValueError: when the bytes are no such message.
    """
    out: dict[str, Feature] = {}
    for number, _, a, b in _fields(buffer, start, len(buffer) if end is None else end):
        for _, _, c, d in _fields(buffer, a, b):
            name, value = _entry(buffer, c, d)
            if number == 1:
                out[name] = Feature(buffer, (value,))
            elif number == 2:
                out[name] = Feature(buffer, tuple((e, f) for _, _, e, f in _fields(buffer, *value)))
    return out


def make_example(features: Mapping[str, Sequence[bytes] | NDArray[np.generic]]) -> bytes:
    """An Example of lists of bytes, of floats and of whole numbers."""
    entries = []
    for name, values in features.items():
        if not isinstance(values, np.ndarray):
            kind, body = 1, b"".join(_message(1, value) for value in values)
        elif values.dtype.kind == "f":
            kind, body = 2, _message(1, values.astype("<f4").tobytes())
        else:
            kind, body = 3, _message(1, b"".join(_pack(int(v) % (1 << 64)) for v in values.reshape(-1)))
        entries.append(_message(1, _message(1, name.encode()) + _message(2, _message(kind, body))))
    return _message(1, b"".join(entries))


def _entry(buffer: Buffer, start: int, end: int) -> tuple[str, tuple[int, int]]:
    """Name and value of an entry of a map."""
    name, value = "", (start, start)
    for number, _, a, b in _fields(buffer, start, end):
        if number == 1:
            name = bytes(buffer[a:b]).decode("utf-8", errors="replace")
        elif number == 2:
            value = (a, b)
    return name, value


def _fields(buffer: Buffer, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, wire type, and where the value is, of each field of a message."""
    at = start
    while at < end:
        tag, at = _varint(buffer, at, end)
        wire = tag & 7
        if wire == _BYTES:
            length, first = _varint(buffer, at, end)
            last = first + length
        elif wire == _VARINT:
            first, last = at, _varint(buffer, at, end)[1]
        elif wire in (_FIXED32, _FIXED64):
            first, last = at, at + (4 if wire == _FIXED32 else 8)
        else:
            raise ValueError(f"wire type {wire} at byte {at}")
        if last > end:
            raise ValueError(f"a field at byte {at} reaches beyond the end of its message")
        yield tag >> 3, wire, first, last
        at = last


def _varint(buffer: Buffer, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError(f"a number without an end at byte {at}")


def _message(number: int, body: bytes) -> bytes:
    return _pack(number << 3 | _BYTES) + _pack(len(body)) + body


def _pack(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
