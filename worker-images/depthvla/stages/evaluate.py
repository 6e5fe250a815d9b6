"""Stage: closed-loop trials of a policy in a simulator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from depthvla.runtime.config import setting
from depthvla.runtime.job import Job
from depthvla.runtime.sharing import Precision
from depthvla.runtime.stage import Port, stage

if TYPE_CHECKING:
    from depthvla.evaluation.rollout import Block, BlockResult
    from depthvla.evaluation.suites.suite import Suite
    from depthvla.evaluation.trials import TrialRecord

PolicyName = Literal["trained", "untrained", "expert"]
SuiteName = Literal[
    "metaworld", "libero-spatial", "libero-object", "libero-goal", "libero-10", "simpler-widowx",
]  # fmt: skip


@dataclass(frozen=True)
class Config:
    suite: SuiteName = setting("metaworld", "the benchmark")
    tasks: list[str] = setting([], "tasks to try; none: all of the suite")
    trials_per_task: int = setting(20, "trials of each task, from a list that never changes", minimum=1, maximum=5000)
    policies: list[PolicyName] = setting(
        ["trained", "untrained", "expert"],
        "who acts: the policy, the same network with random weights, the scripted expert",
    )
    max_steps: int = setting(
        0,
        "steps before a trial fails; 0: the suite's own (Meta-World 200 of its simulator's, 80 a second; LIBERO 220,"
        " 280, 300 or 520, 20 a second; WidowX 60, the eggplant 120, 5 a second)",
        minimum=0,
    )
    decisions: int = setting(
        0,
        "actions of a chunk carried out before the policy looks again; 0: the suite's own (Meta-World and WidowX 4,"
        " LIBERO 5)",
        minimum=0,
    )
    batch_size: int = setting(
        8,
        "trials side by side in one process, which share inference; one of LIBERO takes 0.8 GB",
        minimum=1,
        maximum=256,
    )
    precision: Precision = setting("fp32", "of the policy's weights and products")
    commit_every: float = setting(10.0, "seconds of work that a crash may lose", minimum=0)
    clips_per_task: int = setting(2, "trials of the trained policy to show, of each task", minimum=0, maximum=20)


@stage(
    Config,
    inputs={"policy": Port("policy", "the policy to try")},
    outputs={"trials": Port("trials", "a row a trial, of every policy and task")},
)
def run(job: Job, config: Config) -> None:
    """Tries the policy, its untrained self and the expert from fixed starts in a simulator."""
    from depthvla.data.spread import spread
    from depthvla.evaluation.fit import check_policy, check_trials, read_policy
    from depthvla.evaluation.rollout import read_result, run_block, write_result
    from depthvla.evaluation.suites import open_suite
    from depthvla.evaluation.trials import write_trials
    from depthvla.runtime.pieces import Pieces

    suite = open_suite(config.suite)
    config = replace(config, tasks=config.tasks or list(suite.limits))
    check_trials(suite, config.tasks, config.trials_per_task, config.max_steps, config.policies)
    check_policy(suite, read_policy(job.input("policy")))
    blocks = {block.name: block for block in _blocks(job, config, suite)}
    total = sum(len(block.trials) for block in blocks.values())
    # Clips are shown, records aren't: both are what a block leaves behind.
    pieces = Pieces(job, job.directory, "", config.commit_every)
    results = {name: read_result(job.directory, name, piece.files) for name, piece in pieces.done.items()}
    for name, result in results.items():
        _show(job, blocks[name], result)
    open_blocks = [block for name, block in blocks.items() if name not in results]
    try:
        for index, result in spread(run_block, open_blocks, job.cores):
            block = open_blocks[index]
            results[block.name] = result
            pieces.add(block.name, write_result(job.directory, block.name, result), len(block.trials))
            job.events.burst(pieces.count, total, "trials")
            _show(job, block, result)
            pieces.commit_when_due()
    except SystemExit:
        pieces.commit()
        raise
    records = [record for result in results.values() for record in result.records]
    write_trials(job.output("trials"), records)
    job.events.artifact("trials", f"{len(records)} trials")
    metrics, summary = _results(config, records)
    job.events.done(metrics, summary)


def _show(job: Job, block: Block, result: BlockResult) -> None:
    for trial, path in sorted(result.clips.items()):
        outcome = next(r.reason for r in result.records if r.trial == trial)
        caption = f"{block.policy} on {block.task}, trial {trial}: {outcome}"
        job.events.sample(f"trials/{block.policy}/{block.task}/{trial}", f"samples/{path.name}", caption)


def _blocks(job: Job, config: Config, suite: Suite) -> list[Block]:
    """All trials, cut up the same way for any number of cores.

    Task by task, since a process makes the worlds of one at a time; the expert, who is quickest, at the end of each.
    """
    from depthvla.evaluation.rollout import Block

    numbers = range(config.trials_per_task)
    return [
        Block(
            policy=policy,
            folder=job.input("policy"),
            device="cuda" if job.gpus else "cpu",
            precision=config.precision,
            suite=config.suite,
            task=task,
            trials=tuple(numbers[first : first + config.batch_size]),
            decisions=config.decisions or suite.decisions,
            max_steps=config.max_steps or suite.limits[task],
            show=tuple(range(config.clips_per_task)) if policy == "trained" else (),
            clips=job.sample_path(""),
        )
        for task in config.tasks
        for policy in config.policies
        for first in range(0, config.trials_per_task, config.batch_size)
    ]


def _results(config: Config, records: list[TrialRecord]) -> tuple[dict[str, dict[str, int]], str]:
    """What goes into tables: successes out of trials, never a rate."""
    from depthvla.evaluation.trials import count_successes

    metrics: dict[str, dict[str, int]] = {}
    for policy in config.policies:
        if policy == "trained":
            metrics |= {f"success.{task}": count_successes(records, policy, task) for task in config.tasks}
        name = "mean" if policy == "trained" else policy
        metrics[f"success.{name}"] = count_successes(records, policy)
    said = [f"{policy} {m['k']} of {m['n']}" for policy in config.policies
            for m in [metrics[f"success.{'mean' if policy == 'trained' else policy}"]]]  # fmt: skip
    return metrics, ", ".join(said)
