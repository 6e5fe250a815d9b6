from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from depthvla.evaluation.placements import DEMOS, SCENES, TRIALS
from depthvla.evaluation.trials import (
    TrialRecord,
    count_successes,
    noise_seed,
    placement_of,
    read_trials,
    write_trials,
)
from depthvla.runtime.failure import WorkerError

RECORD = TrialRecord(
    policy="trained", suite="metaworld", task="drawer-open-v3", instruction="open the drawer", trial=0, seed=10_000,
    initial_state="ab", success=True, steps=90, reason="solved", wall_s=1.5, policy_digest="cd",
    simulator="metaworld 3.1.1",
)  # fmt: skip


def test_records_come_back_ordered_whatever_order_they_ended_in(tmp_path: Path) -> None:
    records = [
        replace(RECORD, trial=trial, policy=policy) for policy in ("untrained", "trained") for trial in (2, 0, 1)
    ]
    write_trials(tmp_path, records)
    assert [(r.policy, r.trial) for r in read_trials(tmp_path)] == [
        (policy, trial) for policy in ("trained", "untrained") for trial in (0, 1, 2)
    ]


def test_the_columns_are_those_that_reports_read(tmp_path: Path) -> None:
    write_trials(tmp_path, [RECORD])
    assert pq.read_schema(tmp_path / "trials.parquet").names == [
        "policy", "suite", "task", "instruction", "trial", "seed", "initial_state", "success", "steps", "reason",
        "wall_s", "policy_digest", "simulator",
    ]  # fmt: skip


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    write_trials(tmp_path, [RECORD])
    path = tmp_path / "trials.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["success"]), path)
    with pytest.raises(WorkerError, match="'success' is missing"):
        read_trials(tmp_path)


def test_successes_are_counted_by_policy_and_task() -> None:
    records = [
        RECORD,
        replace(RECORD, success=False),
        replace(RECORD, task="reach-v3"),
        replace(RECORD, policy="expert"),
    ]
    assert count_successes(records, "trained") == {"k": 2, "n": 3}
    assert count_successes(records, "trained", "drawer-open-v3") == {"k": 1, "n": 2}
    assert count_successes(records, "untrained") == {"k": 0, "n": 0}


def test_no_placement_is_used_twice() -> None:
    uses = [DEMOS + i for i in range(6000)], [placement_of(i) for i in range(5000)], [SCENES + i for i in range(5000)]
    assert len(set().union(*uses)) == sum(map(len, uses))
    assert placement_of(0) == TRIALS


def test_noise_differs_by_task_trial_and_step_and_nothing_else() -> None:
    seeds = {noise_seed(task, trial, step) for task in "ab" for trial in range(20) for step in range(0, 200, 8)}
    assert len(seeds) == 2 * 20 * 25
    assert noise_seed("a", 3, 8) == noise_seed("a", 3, 8)
    assert all(0 <= seed < 2**63 for seed in seeds)
