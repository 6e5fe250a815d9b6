"""One Meta-World task: placed by a number, stepped in decisions, watched by one camera."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

import metaworld
import numpy as np
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.policies import ENV_POLICY_MAP
from numpy.typing import NDArray

from depthvla.evaluation.camera import Picture, Renderer, prepare_model
from depthvla.evaluation.instructions import instruction_of
from depthvla.runtime.failure import CONFIG, WorkerError

# Degrees. The camera's own 60 shows objects only a few pixels wide at 96 x 96.
FOVY = 30.0
CAMERA = "corner2"
# Simulator steps (80 Hz) that one decision lasts, so decisions come at 40 Hz.
ACTION_REPEAT = 2
DECISIONS_PER_SECOND = 40
STATE_NAMES = ("gripper.x", "gripper.y", "gripper.z", "gripper.opening")
ACTION_NAMES = ("gripper.dx", "gripper.dy", "gripper.dz", "gripper.close")
# Simulator steps; Meta-World takes no more.
LONGEST_EPISODE = 500
_VARIATIONS = 50


@lru_cache(maxsize=8)
def _variations(task: str, family: int) -> Any:
    """Meta-World's 50 placements of a task's object and goal, drawn from the seed ``family``."""
    return cast(Any, metaworld.MT1)(task, seed=family)


def check_tasks(tasks: Sequence[str]) -> None:
    """Refuse a list of tasks before anything is simulated.

    Raises:
        WorkerError: TASK_UNKNOWN, when Meta-World doesn't have one of them, or there is none.
    """
    unknown = [task for task in tasks if task not in ENV_POLICY_MAP]
    if unknown or not tasks:
        raise WorkerError(
            "TASK_UNKNOWN",
            f"tasks: Meta-World has no task {unknown[0]!r}" if unknown else "tasks: at least one is needed",
            hint=f"known: {', '.join(sorted(ENV_POLICY_MAP))}",
            exit_code=CONFIG,
        )


class MetaWorld:
    """One task of Meta-World 3.1.1 on MuJoCo.

    A placement (an integer) fixes where object, goal and arm are, bit for bit, in any process and after any history:
    number p is variation ``p % 50`` of the family seeded ``p // 50``.

    Attributes:
        task: the name, such as ``drawer-open-v3``.
        instruction: what a person would ask for.
        steps: simulator steps since the reset.
        success: whether the task has been solved at any step since the reset.
        state: float32 ``[4]``, the gripper's position in metres and its opening; nothing about object or goal.
    """

    def __init__(self, task: str) -> None:
        """Load a task.

        Raises:
            WorkerError: TASK_UNKNOWN.
        """
        check_tasks([task])
        self.task = task
        self.instruction = instruction_of(task)
        self._env: Any = ALL_V3_ENVIRONMENTS[task]()
        prepare_model(self._env.model, FOVY)
        self._expert: Any = None
        self._seen: NDArray[np.float64] = np.zeros(39)
        self.steps = 0
        self.success = False

    def reset(self, placement: int) -> None:
        """Put object, goal and arm where the number says."""
        family, variation = divmod(placement, _VARIATIONS)
        self._env.set_task(_variations(self.task, family).train_tasks[variation])
        self._seen, _ = self._env.reset(seed=placement)
        # Experts remember nothing at this version, but nothing promises that they won't.
        self._expert = cast(Any, ENV_POLICY_MAP[self.task])()
        self.steps = 0
        self.success = False

    @property
    def state(self) -> NDArray[np.float32]:
        return self._seen[:4].astype(np.float32)

    @property
    def model(self) -> Any:
        return self._env.model

    @property
    def data(self) -> Any:
        return self._env.data

    def initial_state(self) -> str:
        """Digest of the physical state, the goal included: equal digests, equal trials."""
        parts = (self.data.qpos, self.data.qvel, self.data.mocap_pos, self.model.body_pos, self._env._target_pos)
        return hashlib.sha256(b"".join(np.asarray(part, np.float64).tobytes() for part in parts)).hexdigest()[:16]

    def step(self, action: NDArray[np.float32]) -> None:
        """Carry out one decision: ``action`` float32 ``[4]`` in [-1, 1], held for `ACTION_REPEAT` steps.

        Ends early when the task is solved, so that `steps` is exact.
        """
        clipped = np.clip(action, -1, 1)
        for _ in range(ACTION_REPEAT):
            self._seen, _, _, _, info = self._env.step(clipped)
            self.steps += 1
            if info["success"]:
                self.success = True
                return

    def expert_action(self) -> NDArray[np.float32]:
        """What Meta-World's scripted expert would do now, float32 ``[4]`` in [-1, 1]; it reads the hidden state."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "Constant(s) may be too high": they are clipped, here and by the task
            action = self._expert.get_action(self._seen)
        return np.asarray(np.clip(action, -1, 1), np.float32)

    def renderer(self, width: int, height: int) -> Renderer:
        """A renderer for this task, usable for other instances of the same task."""
        return Renderer(self.model, width, height)

    def look(self, renderer: Renderer) -> Picture:
        """What the policy's camera sees; upright, though Meta-World hangs this camera upside down."""
        return renderer.draw(self.model, self.data, CAMERA, rolled=True)
