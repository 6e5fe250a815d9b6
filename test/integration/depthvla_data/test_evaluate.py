import signal
from dataclasses import replace
from pathlib import Path

import pytest

from depthvla.evaluation.trials import TrialRecord, placement_of, read_trials

TASK = "drawer-open-v3"
CONFIG = {"tasks": [TASK], "trials_per_task": 3, "max_steps": 60, "clips_per_task": 1}


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that has learnt nothing, as a folder."""
    import torch

    from depthvla.model.presets import PRESETS
    from random_policy import write_random_policy

    torch.manual_seed(3)
    return write_random_policy(tmp_path_factory.mktemp("made") / "policy", PRESETS["tiny"])


@pytest.fixture(scope="module")
def widowx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for another robot."""
    import torch

    from depthvla.model.presets import PRESETS
    from random_policy import write_random_policy

    torch.manual_seed(4)
    size = replace(PRESETS["tiny"], image=32, state=7, actions=7)
    return write_random_policy(tmp_path_factory.mktemp("made") / "policy", size)


def timeless(folder: Path) -> list[TrialRecord]:
    return [replace(record, wall_s=0) for record in read_trials(folder)]


def test_every_trial_ends_the_same_however_trials_are_spread_batched_and_broken_off(
    start,  # type: ignore[no-untyped-def]
    policy: Path,
) -> None:
    one = start("one", "evaluate", CONFIG | {"batch_size": 3}, inputs={"policy": policy}, cores=1)
    config = CONFIG | {"batch_size": 2, "commit_every": 0}
    stopped = start("stopped", "evaluate", config, inputs={"policy": policy}, cores=2)
    stopped.until("checkpoint")
    stopped.process.send_signal(signal.SIGTERM)
    assert stopped.wait() == 75, stopped.stderr()
    saved = stopped.events("checkpoint")[-1]
    assert 0 < saved["step"] < 9
    two = start("two", "evaluate", config, inputs={"policy": policy}, fence=2, resume=[saved["manifest"]])
    assert (one.wait(), two.wait()) == (0, 0), one.stderr() + two.stderr()
    assert two.events("progress")[0]["step"] > saved["step"]
    assert len(two.events("sample")) == 1
    assert two.events("warning") == []
    records = timeless(two.output("trials"))
    assert records == timeless(one.output("trials"))
    assert len(records) == 9
    assert [r.seed for r in records if r.policy == "expert"] == [placement_of(trial) for trial in range(3)]
    # The same trial starts from the same place for everybody.
    assert len({r.initial_state for r in records}) == 3
    trained, untrained = ({r.policy_digest for r in records if r.policy == p} for p in ("trained", "untrained"))
    assert len(trained) == len(untrained) == 1
    assert trained != untrained


def test_results_are_counts_and_clips_are_small(start, policy: Path) -> None:  # type: ignore[no-untyped-def]
    attempt = start("counts", "evaluate", CONFIG | {"max_steps": 200}, inputs={"policy": policy})
    assert attempt.wait() == 0, attempt.stderr()
    (done,) = attempt.events("done")
    assert set(done["metrics"]) == {f"success.{TASK}", "success.mean", "success.untrained", "success.expert"}
    assert done["metrics"]["success.expert"] == {"k": 3, "n": 3}
    assert done["metrics"]["success.mean"]["n"] == 3
    assert [event["step"] for event in attempt.events("progress")][-1] == 9
    (sample,) = attempt.events("sample")
    assert 0 < (attempt.directory / sample["path"]).stat().st_size <= 300_000


def test_another_suite_is_tried_by_its_own_protocol(start, widowx: Path) -> None:  # type: ignore[no-untyped-def]
    # The stand-in refuses any call that SimplerEnv wouldn't take.
    task, stand_in = "widowx_spoon_on_towel", Path(__file__).parents[2] / "fixtures" / "simpler-env"
    config = {"suite": "simpler-widowx", "tasks": [task], "trials_per_task": 3, "clips_per_task": 1}
    config |= {"policies": ["trained"], "batch_size": 2}
    attempt = start("widowx", "evaluate", config, inputs={"policy": widowx}, cores=1, path=[stand_in])
    assert attempt.wait() == 0, attempt.stderr()
    records = read_trials(attempt.output("trials"))
    assert [(r.suite, r.task, r.trial, r.seed) for r in records] == [("simpler-widowx", task, i, i) for i in range(3)]
    # Whatever happens on the way, a trial lasts until its last step, and is judged there.
    assert [r.steps for r in records] == [60, 60, 60]
    assert {r.instruction for r in records} == {"put the spoon on the towel"}
    assert set(attempt.events("done")[0]["metrics"]) == {f"success.{task}", "success.mean"}
    assert len(attempt.events("sample")) == 1


def test_a_policy_of_another_robot_is_refused_before_the_first_trial(start, widowx: Path) -> None:  # type: ignore[no-untyped-def]
    attempt = start("other", "evaluate", CONFIG, inputs={"policy": widowx})
    assert attempt.wait() == 78
    (failed,) = attempt.events("failed")
    assert failed["code"] == "POLICY_UNFIT"
    assert "actions of 7 numbers, the suite has 4" in failed["message"]
    assert attempt.events("progress") == []


def test_what_is_no_policy_is_refused_by_name(start, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    attempt = start("none", "evaluate", CONFIG, inputs={"policy": tmp_path})
    assert attempt.wait() == 65
    (failed,) = attempt.events("failed")
    assert failed["code"] == "MODEL_INVALID"
    assert "Traceback" not in attempt.stderr()
