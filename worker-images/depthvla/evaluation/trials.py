"""What is tried, and what is kept of each trial."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from depthvla.data.broken import broken
from depthvla.evaluation.placements import TRIALS

PolicyName = Literal["trained", "untrained", "expert"]
Reason = Literal["solved", "out of steps", "action not finite"]
FILE = "trials.parquet"
_ARROW = {str: pa.string(), int: pa.int64(), bool: pa.bool_(), float: pa.float64()}


@dataclass(frozen=True)
class TrialRecord:
    """One closed-loop trial.

    Attributes:
        policy: who acted: the trained policy, the same network with random weights, or the scripted expert.
        suite: what it was tried on.
        task: the suite's name of it.
        instruction: what was asked for.
        trial: number within the task, from 0: the same number is the same trial for every policy.
        seed: number of the suite's initial state, in Meta-World the placement of object and goal.
        initial_state: digest of the simulator's state at the start.
        success: whether the task was solved.
        steps: that were taken, as the suite counts them: in Meta-World the simulator's, elsewhere actions.
        reason: why it ended.
        wall_s: seconds that it took, inference shared among the trials of a batch.
        policy_digest: which weights acted; empty for the expert.
        simulator: name and version of what was simulated with.
    """

    policy: str
    suite: str
    task: str
    instruction: str
    trial: int
    seed: int
    initial_state: str
    success: bool
    steps: int
    reason: str
    wall_s: float
    policy_digest: str
    simulator: str


def placement_of(trial: int) -> int:
    """The placement of a trial in Meta-World: fixed for all time, shared with no demonstration."""
    return TRIALS + trial


def noise_seed(task: str, trial: int, step: int) -> int:
    """Seed of a policy's noise at a decision of a trial: the same whoever else is in the batch, 63 bits."""
    state = np.random.SeedSequence([zlib.crc32(task.encode()), trial, step]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def count_successes(records: Sequence[TrialRecord], policy: PolicyName, task: str | None = None) -> dict[str, int]:
    """Successes ``k`` out of ``n`` trials of a policy, of one task or of all."""
    chosen = [r for r in records if r.policy == policy and task in (None, r.task)]
    return {"k": sum(r.success for r in chosen), "n": len(chosen)}


def write_trials(folder: Path, records: Sequence[TrialRecord]) -> None:
    """Write ``trials.parquet``, a row a trial, ordered by policy, task and trial."""
    folder.mkdir(parents=True, exist_ok=True)
    hints = get_type_hints(TrialRecord)
    schema = pa.schema([(f.name, _ARROW[hints[f.name]]) for f in fields(TrialRecord)])
    ordered = sorted(records, key=lambda r: (r.policy, r.task, r.trial))
    pq.write_table(pa.Table.from_pylist([asdict(r) for r in ordered], schema=schema), folder / FILE)


def read_trials(folder: Path) -> list[TrialRecord]:
    """Read what `write_trials` wrote.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and the column.
    """
    path = folder / FILE
    if not path.is_file():
        raise broken(path, "no such file")
    table = pq.read_table(path)
    missing = [f.name for f in fields(TrialRecord) if f.name not in table.column_names]
    if missing:
        raise broken(path, f"column {missing[0]!r} is missing")
    return [TrialRecord(**row) for row in table.select([f.name for f in fields(TrialRecord)]).to_pylist()]
