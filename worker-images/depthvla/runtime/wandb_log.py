"""What a `.wandb` file holds: the log that wandb keeps of a run, in blocks as LevelDB's logs are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

BLOCK = 32768
HEADER = 7
"""Bytes before the first record: b":W&B", a magic number, a version. They count into the first block."""
PART = struct.Struct("<IHB")
"""Before each part of a record: checksum, length, kind."""
WHOLE, FIRST, _MIDDLE, LAST = 1, 2, 3, 4


def records(path: Path) -> Iterator[bytes]:
    """The records of a file, serialised as `wandb.proto.wandb_internal_pb2.Record`; what a killed writer has torn off
    isn't among them.

    Source: https://github.com/google/leveldb/blob/main/doc/log_format.md
    """
    data = path.read_bytes()
    at, record = HEADER, b""
    while at + PART.size <= len(data):
        left = BLOCK - at % BLOCK
        if left < PART.size:
            at += left
            continue
        _, length, kind = PART.unpack_from(data, at)
        at += PART.size
        part = data[at : at + length]
        if kind not in range(WHOLE, LAST + 1) or len(part) < length:
            return
        at += length
        record = part if kind in (WHOLE, FIRST) else record + part
        if kind in (WHOLE, LAST):
            yield record


def last_step(path: Path) -> int | None:
    """The last step that a file has values of, or None."""
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

    last: int | None = None
    for data in records(path):
        record = Record.FromString(data)
        if record.WhichOneof("record_type") == "history":
            last = max(record.history.step.num, last or 0)
    return last
