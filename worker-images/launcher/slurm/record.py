"""How an attempt on several nodes has ended: one record of what nodes and ranks have recorded each."""

import os
import time

from launcher.gang import TRY_AGAIN
from launcher.launch import code_of
from launcher.quick import Json, read_json

Record = dict[str, Json]


def read_nodes(directory: str, nodes: int) -> dict[int, Record]:
    """The records that are there, by the node's number."""
    os.listdir(directory)  # makes NFS look again for files that weren't there a moment ago
    found = {node: _read(f"{directory}/exit.node{node}.json") for node in range(nodes)}
    return {node: record for node, record in found.items() if record is not None}


def read_ranks(directory: str, ranks: range) -> list[Record]:
    """For a node whose launcher was killed: of its ranks, those that had ended before."""
    found = [_read(f"{directory}/exit.{rank}.json") for rank in ranks]
    return [record for record in found if record is not None]


def merge(records: dict[int, Record], others: list[Record], cause: str | None) -> Record:
    """`firstBad`, `ranks` and `peakMemory` of all. Where several ranks went bad, the first did it to the others.

    A rank that saved because it was asked to isn't bad. Slurm asks ranks and launchers at once: a rank can be done
    before its node's launcher knows that it was asked, so only `cause`, that of the whole attempt, tells.
    """
    ranks = [rank for record in records.values() for rank in _ranks(record)] + others
    ranks.sort(key=lambda rank: _number(rank["rank"]))
    bad = {record["firstBad"] for record in records.values()} - {None}
    asked = cause in ("signal", "time")
    failed = [rank for rank in ranks if rank["rank"] in bad and not (asked and rank["code"] == TRY_AGAIN)]
    ended = sorted(failed, key=lambda rank: _number(rank["endedAt"]))
    peaks = [_number(peak) for record in records.values() if (peak := record["peakMemory"]) is not None]
    return {
        "firstBad": ended[0]["rank"] if ended else None,
        "ranks": list(ranks),
        "peakMemory": max(peaks, default=None),
    }


def _ranks(record: Record) -> list[Record]:
    ranks = record["ranks"]
    assert isinstance(ranks, list)
    return [rank for rank in ranks if isinstance(rank, dict)]


def _number(value: Json) -> float:
    assert isinstance(value, int | float)
    return value


def _read(path: str) -> Record | None:
    try:
        with open(path, encoding="utf-8") as file:
            record = read_json(file.read())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def failure(directory: str, started: float, error: Exception) -> Record:
    """The record of an attempt that this launcher could not run."""
    code: Json = code_of(error) if isinstance(error, OSError | ValueError) else None
    return {
        "attempt": os.path.basename(directory),
        "cause": "launcher",
        "firstBad": None,
        "ranks": [],
        "peakMemory": None,
        "startedAt": started * 1000,
        "endedAt": time.time() * 1000,
        "message": str(error),
        "code": getattr(error, "code", code),
        "nodes": list(getattr(error, "nodes", [])),
    }
