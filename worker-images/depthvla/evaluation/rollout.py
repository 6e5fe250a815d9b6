"""Closed-loop trials, several side by side with one batch of inference."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthvla.evaluation.actors import Actor, load_actor
from depthvla.evaluation.clips import write_clip
from depthvla.evaluation.suites import SuiteName, open_suite
from depthvla.evaluation.suites.suite import Suite, World
from depthvla.evaluation.suites.worlds import worlds_of
from depthvla.evaluation.trials import PolicyName, Reason, TrialRecord
from depthvla.runtime.sharing import Precision

_CLIP_RATE = 20
"""Pictures a second of a clip, at most."""


@dataclass(frozen=True)
class Block:
    """Trials that run side by side in one process.

    Attributes:
        policy: who acts.
        folder: where the policy's weights are.
        device: where it runs, as torch names it.
        precision: of its weights and products.
        suite: where.
        task: the suite's name of it.
        trials: numbers of the trials.
        decisions: carried out before the policy looks again.
        max_steps: steps, as the suite counts them, before a trial counts as failed.
        show: numbers of the trials to make clips of; of a block without one of those, none.
        clips: folder for the clips.
    """

    policy: PolicyName
    folder: Path
    device: str
    precision: Precision
    suite: SuiteName
    task: str
    trials: tuple[int, ...]
    decisions: int
    max_steps: int
    show: tuple[int, ...]
    clips: Path

    @property
    def name(self) -> str:
        """Its own among all blocks of a job."""
        return f"{self.policy}-{self.task}-{self.trials[0]}"


@dataclass(frozen=True)
class BlockResult:
    """Records in the order of the trials, and the clips by trial."""

    records: list[TrialRecord]
    clips: dict[int, Path]


def write_result(root: Path, name: str, result: BlockResult) -> list[str]:
    """Keeps a result; returns the names below `root` of all files that it consists of."""
    path = root / "blocks" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    clips = {str(trial): clip.name for trial, clip in result.clips.items()}
    path.write_text(json.dumps({"records": [asdict(r) for r in result.records], "clips": clips}))
    return [str(p.relative_to(root)) for p in (path, *result.clips.values())]


def read_result(root: Path, name: str, files: Sequence[str]) -> BlockResult:
    """Reads what `write_result` kept."""
    raw = json.loads((root / "blocks" / f"{name}.json").read_text())
    paths = {Path(file).name: root / file for file in files}
    clips = {int(trial): paths[clip] for trial, clip in raw["clips"].items()}
    return BlockResult([TrialRecord(**record) for record in raw["records"]], clips)


@dataclass
class Underway:
    """A trial while it runs."""

    suite: Suite
    world: World
    trial: int
    initial_state: str
    shown: bool
    taken: int = 0
    pictures: list[NDArray[np.uint8]] = field(default_factory=list)
    reason: Reason | None = None
    wall_s: float = 0.0

    def carry_out(self, chunk: NDArray[np.float32], max_steps: int) -> None:
        """Do the actions ``[T, A]`` until something ends the trial."""
        for action in chunk:
            if not np.isfinite(action).all():
                self.reason = "action not finite"
                break
            self._take_picture()
            began = time.perf_counter()
            self.world.step(action)
            self.wall_s += time.perf_counter() - began
            self.taken += 1
            last = self.world.steps >= max_steps
            if self.world.success and (last or self.suite.counts == "at once"):
                self.reason = "solved"
                break
            if last:
                self.reason = "out of steps"
                break

    def end(self) -> list[NDArray[np.uint8]]:
        """The pictures of a clip, the last one showing what came of it."""
        return [*self.pictures, self.world.picture()]

    def _take_picture(self) -> None:
        if self.shown and self.taken % max(1, round(self.suite.rate / _CLIP_RATE)) == 0:
            self.pictures.append(self.world.picture())


def run_block(block: Block) -> BlockResult:
    """Run the trials of a block; everything but ``wall_s`` is the same in any process."""
    suite = open_suite(block.suite)
    actor = load_actor(block.policy, block.folder, block.device, block.precision)
    worlds = worlds_of(suite, block.task, len(block.trials))
    started = [_begin(suite, block, world, trial) for world, trial in zip(worlds, block.trials, strict=True)]
    while running := [r for r in started if r.reason is None]:
        _decide(actor, running, block)
    records = [_record(r, block, actor.digest) for r in started]
    clips = {r.trial: _clip(r, block) for r in started if r.shown}
    return BlockResult(records, clips)


def _begin(suite: Suite, block: Block, world: World, trial: int) -> Underway:
    return Underway(suite, world, trial, world.reset(suite.initial_state(trial)), trial in block.show)


def _decide(actor: Actor, running: Sequence[Underway], block: Block) -> None:
    """One look at every world, and the decisions that follow."""
    began = time.perf_counter()
    chunks = actor.act([r.world for r in running], [r.trial for r in running])
    seconds = time.perf_counter() - began
    for r, chunk in zip(running, chunks, strict=True):
        r.wall_s += seconds / len(running)
        r.carry_out(chunk[: block.decisions], block.max_steps)


def _record(r: Underway, block: Block, digest: str) -> TrialRecord:
    return TrialRecord(
        policy=block.policy,
        suite=block.suite,
        task=block.task,
        instruction=r.world.instruction,
        trial=r.trial,
        seed=r.suite.initial_state(r.trial),
        initial_state=r.initial_state,
        success=r.reason == "solved",
        steps=r.world.steps,
        reason=str(r.reason),
        wall_s=round(r.wall_s, 3),
        policy_digest=digest,
        simulator=r.suite.versions,
    )


def _clip(r: Underway, block: Block) -> Path:
    path = block.clips / f"{block.policy}-{block.task}-{r.trial:02d}.webp"
    write_clip(path, r.end(), fps=min(_CLIP_RATE, r.suite.rate))
    return path
