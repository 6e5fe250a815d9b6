"""Stage: demonstrations of scripted experts, as a LeRobotDataset v3.0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from depthvla.runtime.config import setting
from depthvla.runtime.failure import CONFIG, WorkerError
from depthvla.runtime.job import Job
from depthvla.runtime.stage import Port, stage

if TYPE_CHECKING:
    from depthvla.evaluation.demonstrate import Demonstration, DemoRequest

# Attempts at an episode, on average, before an expert is said to be unable to do its task under this noise.
_PATIENCE = 3


@dataclass(frozen=True)
class Config:
    tasks: list[str] = setting(["button-press-topdown-v3", "drawer-open-v3"], "tasks of Meta-World to demonstrate")
    episodes_per_task: int = setting(40, "successful episodes of each task", minimum=1, maximum=2000)
    size: int = setting(96, "height and width of the pictures", minimum=32, maximum=640)
    noise: float = setting(0.3, "standard deviation of the noise on executed motions, of [-1, 1]", minimum=0, maximum=2)
    max_steps: int = setting(250, "simulator steps (80 a second) before an episode fails", minimum=10, maximum=500)


@stage(
    Config,
    outputs={
        "demos": Port("lerobot-v3", "LeRobotDataset v3.0: RGB video, state, action, instruction"),
        "depth": Port("demo-depth", "metric depth of every frame and the camera, which training must not see"),
    },
)
def run(job: Job, config: Config) -> None:
    """Collects successful demonstrations of Meta-World's scripted experts, with noise on what they do."""
    import numpy as np

    from depthvla.data.lerobot_writer import LeRobotWriter
    from depthvla.data.recording import Recording
    from depthvla.data.truth import write_truth
    from depthvla.evaluation.instructions import instruction_of
    from depthvla.evaluation.metaworld import ACTION_NAMES, CAMERA, DECISIONS_PER_SECOND, STATE_NAMES, check_tasks

    check_tasks(config.tasks)
    writer = LeRobotWriter(job.output("demos"), DECISIONS_PER_SECOND, [CAMERA], "sawyer", STATE_NAMES, ACTION_NAMES)
    kept: list[tuple[DemoRequest, Demonstration]] = []
    collection = _Collection(job, config)
    for request, demo in collection.successes():
        writer.add(Recording(instruction_of(request.task), {CAMERA: demo.images}, demo.state, demo.action))
        kept.append((request, demo))
        job.events.burst(len(kept), len(config.tasks) * config.episodes_per_task, "episodes")
    writer.close()
    write_truth(
        job.output("depth"),
        np.concatenate([demo.millimetres for _, demo in kept]),
        intrinsics=kept[0][1].intrinsics,
        camera_to_world=kept[0][1].camera_to_world,
        placement=np.array([request.placement for request, _ in kept], np.int64),
    )
    frames = sum(len(demo.images) for _, demo in kept)
    _show(job, config, kept)
    summary = f"{len(kept)} episodes, {frames:,} frames"
    job.events.artifact("demos", summary)
    job.events.artifact("depth", f"{frames:,} depth maps")
    job.events.done({"demos.episodes": len(kept), "demos.frames": frames, "demos.failed": collection.failed}, summary)


@dataclass
class _Collection:
    """Asks for episodes until every task has enough that succeeded."""

    job: Job
    config: Config
    failed: int = 0
    _tried: dict[str, int] = field(default_factory=dict)

    def successes(self) -> Iterator[tuple[DemoRequest, Demonstration]]:
        """Successful episodes in the order of asking, which no number of processes changes.

        Raises:
            WorkerError: EXPERT_FAILS when the expert of a task fails too often.
        """
        from depthvla.data.spread import spread
        from depthvla.evaluation.demonstrate import demonstrate

        missing = dict.fromkeys(self.config.tasks, self.config.episodes_per_task)
        while wave := [request for task, count in missing.items() for request in self._ask(task, count)]:
            early: dict[int, Demonstration] = {}
            turn = 0
            for index, demo in spread(demonstrate, wave, self.job.cores):
                early[index] = demo
                while turn in early:
                    demo = early.pop(turn)
                    request = wave[turn]
                    turn += 1
                    if demo.success:
                        missing[request.task] -= 1
                        yield request, demo
                    else:
                        self.failed += 1

    def _ask(self, task: str, count: int) -> list[DemoRequest]:
        from depthvla.evaluation.demonstrate import DemoRequest
        from depthvla.evaluation.placements import DEMOS

        first = self._tried.get(task, 0)
        if first >= _PATIENCE * self.config.episodes_per_task and count:
            raise WorkerError(
                "EXPERT_FAILS",
                f"the expert of {task} solved too few of {first} attempts",
                hint="less `noise`, or more `max_steps`",
                exit_code=CONFIG,
            )
        self._tried[task] = first + count
        c = self.config
        return [DemoRequest(task, DEMOS + first + i, c.size, c.noise, c.max_steps) for i in range(count)]


def _show(job: Job, config: Config, kept: list[tuple[DemoRequest, Demonstration]]) -> None:
    """For each task a clip, and a picture with its depth, of its first episode."""
    from depthvla.evaluation.clips import depth_pair, write_clip, write_rows
    from depthvla.evaluation.metaworld import DECISIONS_PER_SECOND

    rows = []
    for task in config.tasks:
        demo = next(demo for request, demo in kept if request.task == task)
        middle = len(demo.images) // 2
        rows.append(depth_pair(demo.images[middle], demo.millimetres[middle] / 1000))
        write_clip(job.sample_path(f"{task}.webp"), demo.images[::2], fps=DECISIONS_PER_SECOND / 2)
        job.events.sample(f"demos/{task}", f"samples/{task}.webp", f"a demonstration of {task}, in real time")
    write_rows(job.sample_path("rgbd.png"), rows)
    job.events.sample("demos/depth", "samples/rgbd.png", "what the camera sees, and the depth measured there")
