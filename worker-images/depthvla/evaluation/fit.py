"""Whether what is to be tried fits the suite: asked before the first trial."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from depthvla.evaluation.suites.suite import Suite
from depthvla.evaluation.trials import PolicyName
from depthvla.model.config import ModelConfig, from_json
from depthvla.runtime.failure import CONFIG, WorkerError


def read_policy(folder: Path) -> ModelConfig:
    """What the policy in a folder is. Its weights stay where they are, and torch with them: that takes seconds.

    Raises:
        WorkerError: MODEL_INVALID.
    """
    try:
        model = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkerError("MODEL_INVALID", f"{folder} is no policy that can be read: {error}") from error
    try:
        return from_json(model)
    except AttributeError as error:
        raise WorkerError("MODEL_INVALID", f"{folder}: config.json: model is no object") from error
    except WorkerError as error:
        raise WorkerError(error.code, f"{folder}: {error.message}") from error


def check_policy(suite: Suite, policy: ModelConfig) -> None:
    """Compare what a policy sees and does with what a suite shows and takes.

    Raises:
        WorkerError: POLICY_UNFIT, naming all that differs, on both sides.
    """
    pairs = (
        ("actions of {} numbers", policy.actions, suite.actions),
        ("a state of {} numbers", policy.state, suite.state),
        ("pictures of {} cameras", policy.cameras, len(suite.cameras)),
    )
    differ = [f"{text.format(has)}, the suite has {needs}" for text, has, needs in pairs if has != needs]
    if policy.depth and policy.depth_input == "measured" and not suite.measures_depth:
        differ.append("measured depth as input, the suite has none")
    if differ:
        raise WorkerError(
            "POLICY_UNFIT",
            f"the policy doesn't fit {suite.name}: it was trained with {'; with '.join(differ)}",
            hint=f"{suite.name} shows {', '.join(suite.cameras)}; train on data of the same robot and cameras, in that "
            "order",
            exit_code=CONFIG,
        )


def check_trials(suite: Suite, tasks: Sequence[str], trials: int, max_steps: int, who: Sequence[PolicyName]) -> None:
    """Compare a config with a suite.

    Raises:
        WorkerError: TASK_UNKNOWN; or CONFIG_INVALID, naming the setting and the suite's bound.
    """
    unknown = [task for task in tasks if task not in suite.limits]
    if unknown:
        raise WorkerError(
            "TASK_UNKNOWN",
            f"tasks: {suite.name} has no task {unknown[0]!r}",
            hint=f"known: {', '.join(sorted(suite.limits))}",
            exit_code=CONFIG,
        )
    problems = []
    if trials > suite.initial_states:
        problems.append(f"trials_per_task: {suite.name} has {suite.initial_states} initial states, found {trials}")
    if max_steps > suite.most_steps:
        problems.append(f"max_steps: {suite.name} allows {suite.most_steps}, found {max_steps}")
    if "expert" in who and not suite.has_expert:
        problems.append(f"policies: {suite.name} has no scripted expert")
    if problems:
        raise WorkerError("CONFIG_INVALID", "; ".join(problems), hint="mend `with:` of the stage", exit_code=CONFIG)
