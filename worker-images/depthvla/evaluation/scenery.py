"""Pictures with depth from anywhere around a Meta-World table, for learning depth from many viewpoints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import mujoco
import numpy as np

from depthvla.evaluation.camera import Picture, Renderer
from depthvla.evaluation.metaworld import MetaWorld

# The arm is moved on by the expert between pictures, so that it is seen in many poses.
_MOVES = 3
_LAST_STEP = 120


@dataclass(frozen=True)
class SceneRequest:
    """One scene: a placement of a task's objects, seen from ``frames`` cameras.

    Attributes:
        task: Meta-World's name.
        placement: where things are; also the seed of the cameras.
        frames: how many pictures.
        width, height: of the pictures.
    """

    task: str
    placement: int
    frames: int
    width: int
    height: int


def photograph(request: SceneRequest) -> list[Picture]:
    """The pictures of a scene; the same request gives the same bits in any process."""
    world, renderer = _world(request.task, request.width, request.height)
    world.reset(request.placement)
    rng = np.random.default_rng([request.placement, 2])
    pictures = []
    for _ in range(request.frames):
        for _ in range(_MOVES):
            if world.steps < _LAST_STEP:
                world.step((world.expert_action() + rng.normal(0, 0.5, 4)).astype(np.float32))
        pictures.append(renderer.draw(world.model, world.data, _camera(rng)))
    return pictures


def _camera(rng: np.random.Generator) -> mujoco.MjvCamera:
    """A camera above the table, looking at somewhere on it; metres and degrees."""
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_FREE
    camera.lookat[:] = rng.uniform((-0.2, 0.5, 0.0), (0.2, 0.85, 0.25))
    camera.distance = rng.uniform(0.7, 2.2)
    camera.azimuth = rng.uniform(0, 360)
    camera.elevation = rng.uniform(-75, -15)
    return camera


@lru_cache(maxsize=16)
def _world(task: str, width: int, height: int) -> tuple[MetaWorld, Renderer]:
    world = MetaWorld(task)
    return world, world.renderer(width, height)
