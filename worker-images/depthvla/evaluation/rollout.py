"""Closed-loop trials, several side by side with one batch of inference."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthvla.evaluation.actors import Actor, load_actor, worlds_of
from depthvla.evaluation.clips import write_clip
from depthvla.evaluation.metaworld import DECISIONS_PER_SECOND, MetaWorld
from depthvla.evaluation.trials import PolicyName, Reason, TrialRecord, placement_of

_CLIP_SIZE = 192
_CLIP_EVERY = 2


@dataclass(frozen=True)
class Block:
    """Trials that run side by side in one process.

    Attributes:
        policy: who acts.
        folder: where the policy's weights are.
        task: Meta-World's name.
        trials: numbers of the trials.
        decisions: carried out before the policy looks again.
        max_steps: simulator steps before a trial counts as failed.
        show: numbers of the trials to make clips of; of a block without one of those, none.
        clips: folder for the clips.
    """

    policy: PolicyName
    folder: Path
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
class _Running:
    """A trial while it runs."""

    world: MetaWorld
    trial: int
    initial_state: str
    actions: list[NDArray[np.float32]] = field(default_factory=list)
    reason: Reason | None = None
    wall_s: float = 0.0

    def carry_out(self, chunk: NDArray[np.float32], max_steps: int) -> None:
        """Do the actions ``[T, 4]`` until something ends the trial."""
        began = time.perf_counter()
        for action in chunk:
            if not np.isfinite(action).all():
                self.reason = "action not finite"
                break
            self.actions.append(action)
            self.world.step(action)
            if self.world.success:
                self.reason = "solved"
                break
            if self.world.steps >= max_steps:
                self.reason = "out of steps"
                break
        self.wall_s += time.perf_counter() - began


def run_block(block: Block) -> BlockResult:
    """Run the trials of a block; everything but ``wall_s`` is the same in any process."""
    actor = load_actor(block.policy, block.folder)
    worlds = worlds_of(block.task, len(block.trials))
    started = [_begin(world, trial) for world, trial in zip(worlds, block.trials, strict=True)]
    while running := [r for r in started if r.reason is None]:
        _decide(actor, running, block)
    records = [_record(r, block, actor.digest) for r in started]
    clips = {r.trial: _clip(r, block) for r in started if r.trial in block.show}
    return BlockResult(records, clips)


def _begin(world: MetaWorld, trial: int) -> _Running:
    world.reset(placement_of(trial))
    return _Running(world, trial, world.initial_state())


def _decide(actor: Actor, running: Sequence[_Running], block: Block) -> None:
    """One look at every world, and the decisions that follow."""
    began = time.perf_counter()
    chunks = actor.act([r.world for r in running], [r.trial for r in running])
    seconds = time.perf_counter() - began
    for r, chunk in zip(running, chunks, strict=True):
        r.wall_s += seconds / len(running)
        r.carry_out(chunk[: block.decisions], block.max_steps)


def _record(r: _Running, block: Block, digest: str) -> TrialRecord:
    return TrialRecord(
        policy=block.policy,
        task=block.task,
        instruction=r.world.instruction,
        trial=r.trial,
        seed=placement_of(r.trial),
        initial_state=r.initial_state,
        success=r.reason == "solved",
        steps=r.world.steps,
        reason=str(r.reason),
        wall_s=round(r.wall_s, 3),
        policy_digest=digest,
        simulator=simulator(),
    )


def _clip(r: _Running, block: Block) -> Path:
    """Replay a trial's actions before a larger camera: the simulator repeats itself, so the trial needn't be drawn."""
    renderer = r.world.renderer(_CLIP_SIZE, _CLIP_SIZE)
    r.world.reset(placement_of(r.trial))
    pictures = []
    for number, action in enumerate(r.actions):
        if number % _CLIP_EVERY == 0:
            pictures.append(r.world.look(renderer).rgb)
        r.world.step(action)
    pictures.append(r.world.look(renderer).rgb)
    renderer.close()
    path = block.clips / f"{block.policy}-{block.task}-{r.trial:02d}.webp"
    write_clip(path, pictures, fps=DECISIONS_PER_SECOND / _CLIP_EVERY)
    return path


@cache
def simulator() -> str:
    return f"metaworld {version('metaworld')}, mujoco {version('mujoco')}"
