"""What states and actions of a mixture are like: computed once, and from then on named by a hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from depthvla.data.files import read_json
from depthvla.runtime.failure import DATA_ERROR, WorkerError

FILE = "statistics.json"


@dataclass(frozen=True)
class Spread:
    """Of each dimension; lists, so that they are written and read without losing a bit.

    Attributes:
        count: frames that it was measured on, 0 for a dimension that no dataset has.
        q01, q99: 1st and 99th percentile.
    """

    count: list[int]
    mean: list[float]
    std: list[float]
    min: list[float]
    max: list[float]
    q01: list[float]
    q99: list[float]


@dataclass(frozen=True)
class Both:
    state: Spread
    action: Spread


@dataclass(frozen=True)
class Statistics:
    """Of the mixture as a whole, and of each dataset in it."""

    mixture: Both
    datasets: dict[str, Both]

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON: keys in order, no spaces."""
        body = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(body.encode()).hexdigest()


def write_statistics(folder: Path, statistics: Statistics) -> None:
    body = {**asdict(statistics), "sha256": statistics.digest}
    (folder / FILE).write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def read_statistics(folder: Path) -> Statistics:
    """Read what `write_statistics` wrote.

    Raises:
        WorkerError: STATISTICS_INVALID when it is missing, or was changed since.
    """
    path = folder / FILE
    try:
        body = read_json(path)
        digest = body.pop("sha256")
        found = Statistics(_both(body["mixture"]), {name: _both(of) for name, of in body["datasets"].items()})
    except (WorkerError, KeyError, TypeError, AttributeError) as error:
        raise WorkerError("STATISTICS_INVALID", f"{path} can't be read: {error}", exit_code=DATA_ERROR) from error
    if found.digest != digest:
        message = f"{path} is not what was measured: its hash differs"
        raise WorkerError("STATISTICS_INVALID", message, hint="compute them anew", exit_code=DATA_ERROR)
    return found


def _both(body: dict[str, dict[str, list[float]]]) -> Both:
    return Both(Spread(**body["state"]), Spread(**body["action"]))  # type: ignore[arg-type]
