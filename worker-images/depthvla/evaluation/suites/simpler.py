"""SimplerEnv's four WidowX tasks as a suite, for policies that were trained on BridgeData V2.

Source: Li et al. 2024, simpler-env/SimplerEnv for the tasks, their 24 configurations and limits; open-pi-zero for how
state and gripper of BridgeData are got from the simulator.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from depthvla.data.pictures import fit_image
from depthvla.evaluation.suites.suite import Observed, Suite
from depthvla.runtime.failure import CONFIG, WorkerError

CAMERA = "3rd_view_camera"
# Steps are actions, 5 a second.
_LIMITS = {
    "widowx_spoon_on_towel": 60, "widowx_carrot_on_plate": 60, "widowx_stack_cube": 60,
    "widowx_put_eggplant_in_basket": 120,
}  # fmt: skip
_CONFIGURATIONS = 24
_SEEDS = 5
# BridgeData's orientations are relative to a gripper that points down, the simulator's to one that points ahead.
_POINTING_DOWN = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], np.float64)
# Metres between the middle and a finger: closed, open.
_FINGERS = (0.015, 0.037)
# BridgeData's pictures are squeezed into a square of so many pixels.
_SIDE = 256


def simpler_widowx() -> Suite:
    """Four tasks, each from 24 configurations of its objects with 5 seeds; trial t has configuration t modulo 24.

    Raises:
        WorkerError: SUITE_MISSING.
    """
    if find_spec("simpler_env") is None:
        raise WorkerError(
            "SUITE_MISSING",
            "simpler-widowx needs the package simpler_env, which isn't installed",
            hint="git clone --recurse-submodules https://github.com/simpler-env/SimplerEnv && .venv/bin/python -m pip "
            "install -e SimplerEnv/ManiSkill2_real2sim -e SimplerEnv",
            exit_code=CONFIG,
        )
    return Suite(
        name="simpler-widowx",
        limits=_LIMITS,
        most_steps=max(_LIMITS.values()),
        cameras=(CAMERA,),
        state=7,
        actions=7,
        rate=5.0,
        decisions=4,
        initial_states=_CONFIGURATIONS * _SEEDS,
        counts="at the end",
        # Behind the objects there is a photograph.
        measures_depth=False,
        has_expert=False,
        versions=", ".join(f"{name} {_version(name)}" for name in ("simpler_env", "mani_skill2_real2sim", "sapien")),
        make=_WidowX,
    )


class _WidowX:
    """A task of SimplerEnv, as it comes ("visual matching"), seen as BridgeData's camera sees.

    State: position of the gripper in the frame of the arm's base in metres; roll, pitch and yaw in radians, 0 pointing
    down; opening from 0 closed to 1 open. Action: motion of the gripper in metres, turn as roll, pitch and yaw in
    radians, opening 0 to 1, which is rounded: as BridgeData is trained on (see data/transforms.py).
    """

    def __init__(self, task: str) -> None:
        import simpler_env

        self.task = task
        self.instruction = ""
        self.steps = 0
        self.success = False
        self._env: Any = simpler_env.make(task)
        self._seen: dict[str, Any] = {}

    def reset(self, initial: int) -> str:
        seed, configuration = divmod(initial, _CONFIGURATIONS)
        self._seen, _ = self._env.reset(seed=seed, options={"obj_init_options": {"episode_id": configuration}})
        self.instruction = str(self._env.unwrapped.get_language_instruction())
        self.steps = 0
        self.success = False
        parts = [np.asarray(self._env.unwrapped.get_state(), np.float64), np.array([initial], np.float64)]
        return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]

    def observe(self, size: int) -> Observed:
        square = cv2.resize(self.picture(), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        return Observed(fit_image(np.asarray(square, np.uint8), size)[None], _state(self._seen))

    def step(self, action: NDArray[np.float32]) -> None:
        self._seen, _, solved, _, _ = self._env.step(_command(action))
        self.success = bool(solved)
        self.steps += 1

    def picture(self) -> NDArray[np.uint8]:
        return np.asarray(self._seen["image"][CAMERA]["rgb"], np.uint8)

    def close(self) -> None:
        self._env.close()


def _state(seen: dict[str, Any]) -> NDArray[np.float32]:
    """BridgeData's state ``[7]`` from what the simulator shows: poses in the world, as position and wxyz quaternion."""
    base, hand = (np.asarray(pose, np.float64) for pose in (seen["agent"]["base_pose"], seen["extra"]["tcp_pose"]))
    stands, points = (Rotation.from_quat(pose[[4, 5, 6, 3]]) for pose in (base, hand))
    position = stands.inv().apply(hand[:3] - base[:3])
    turn = (stands.inv() * points).as_matrix() @ _POINTING_DOWN.T
    closed, opened = _FINGERS
    opening = (np.mean(np.asarray(seen["agent"]["qpos"])[-2:]) - closed) / (opened - closed)
    angles = Rotation.from_matrix(turn).as_euler("xyz")
    return np.concatenate([position, angles, [np.clip(opening, 0, 1)]]).astype(np.float32)


def _command(action: NDArray[np.float32]) -> NDArray[np.float64]:
    """The simulator's action ``[7]``: motion in metres, turn as an axis times an angle, gripper -1 closed or 1 open."""
    turn = Rotation.from_euler("xyz", action[3:6].astype(np.float64)).as_rotvec()
    return np.concatenate([action[:3].astype(np.float64), turn, [1.0 if action[6] > 0.5 else -1.0]])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "of unknown version"
