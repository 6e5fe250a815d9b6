"""TFRecord files: for each record its length (u64), a checksum of that, the record, a checksum of it.

Checksums are CRC32C, rotated by 15 bits and offset, as TensorFlow masks them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

_HEADER = 12
_FOOTER = 4


@dataclass(frozen=True)
class Span:
    """Where a record's own bytes are in its file."""

    offset: int
    length: int


def find_records(path: Path) -> tuple[list[Span], str | None]:
    """All whole records of a file, from their frames alone, and what is wrong after the last of them.

    The checksum of each length is verified; those of the records are not, as they are not read.
    """
    size = path.stat().st_size
    spans: list[Span] = []
    at = 0
    with path.open("rb", buffering=0) as file:
        while at < size:
            file.seek(at)
            head = file.read(_HEADER)
            if len(head) < _HEADER:
                return spans, f"record {len(spans)} is cut off at byte {size}, within its header"
            length, checksum = struct.unpack("<QI", head)
            if masked_crc32c(head[:8]) != checksum:
                return spans, f"record {len(spans)}: the checksum of its length, at byte {at}, is wrong"
            end = at + _HEADER + length + _FOOTER
            if end > size:
                return spans, f"record {len(spans)} is cut off at byte {size} of {end}"
            spans.append(Span(at + _HEADER, length))
            at = end
    return spans, None


def read_record(path: Path, span: Span, *, verify: bool = True) -> bytes:
    """The bytes of a record.

    Raises:
        ValueError: when the file ends early, or (with `verify`) the checksum is not that of the bytes.
    """
    with path.open("rb", buffering=0) as file:
        file.seek(span.offset)
        data = file.read(span.length + _FOOTER)
    if len(data) < span.length + _FOOTER:
        raise ValueError(f"cut off at byte {span.offset + len(data)}")
    record = data[: span.length]
    if verify and masked_crc32c(record) != struct.unpack("<I", data[span.length :])[0]:
        raise ValueError(f"the checksum of the record at byte {span.offset} is wrong")
    return record


def read_bytes(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        return file.read(length)


def write_records(path: Path, records: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for record in records:
            length = struct.pack("<Q", len(record))
            file.write(length + struct.pack("<I", masked_crc32c(length)))
            file.write(record + struct.pack("<I", masked_crc32c(record)))


def masked_crc32c(data: bytes) -> int:
    crc = int(google_crc32c.value(data))
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
