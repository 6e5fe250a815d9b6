"""One demonstration: a scripted expert, disturbed, under the eyes of a camera."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from depthvla.data.truth import to_millimetres
from depthvla.evaluation.camera import Renderer
from depthvla.evaluation.metaworld import MetaWorld


@dataclass(frozen=True)
class DemoRequest:
    """What to demonstrate.

    Attributes:
        task: Meta-World's name.
        placement: where object and goal are; also the seed of the noise.
        size: pictures are ``size`` x ``size``.
        noise: standard deviation of what is added to the expert's motion before it is carried out.
        max_steps: simulator steps after which the attempt counts as failed.
    """

    task: str
    placement: int
    size: int
    noise: float
    max_steps: int


@dataclass(frozen=True)
class Demonstration:
    """T frames of one episode.

    Attributes:
        images: uint8 ``[T, H, W, 3]``.
        millimetres: uint16 ``[T, H, W]``, 0 = not measured.
        state: float32 ``[T, 4]``.
        action: float32 ``[T, 4]``, the expert's, without the noise.
        intrinsics: float32 ``[3, 3]``.
        camera_to_world: float32 ``[4, 4]``.
        success: whether the task was solved.
    """

    images: NDArray[np.uint8]
    millimetres: NDArray[np.uint16]
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    intrinsics: NDArray[np.float32]
    camera_to_world: NDArray[np.float32]
    success: bool


def demonstrate(request: DemoRequest) -> Demonstration:
    """Run the expert once; the same request gives the same bits in any process.

    Noise goes into what is carried out and not into what is recorded (Laskey et al. 2017, DART): the arm strays as
    an imperfect policy would, and every frame still says what the expert would do there. Noise on the recorded
    actions would have to be unlearned; without any, no frame shows how to come back.
    """
    world, renderer = _world(request.task, request.size)
    world.reset(request.placement)
    rng = np.random.default_rng([request.placement, 1])
    pictures, states, actions = [], [], []
    while not world.success and world.steps < request.max_steps:
        action = world.expert_action()
        pictures.append(world.look(renderer))
        states.append(world.state)
        actions.append(action)
        # The gripper is left alone: opening it at random drops what it holds, which no later action mends.
        disturbance = rng.normal(0, request.noise, 4) * (1, 1, 1, 0)
        world.step((action + disturbance).astype(np.float32))
    return Demonstration(
        images=np.stack([p.rgb for p in pictures]),
        millimetres=np.stack([to_millimetres(p.depth) for p in pictures]),
        state=np.stack(states),
        action=np.stack(actions),
        intrinsics=pictures[0].intrinsics,
        camera_to_world=pictures[0].camera_to_world,
        success=world.success,
    )


@lru_cache(maxsize=16)
def _world(task: str, size: int) -> tuple[MetaWorld, Renderer]:
    """A process loads a task once: that takes as long as ten demonstrations."""
    world = MetaWorld(task)
    return world, world.renderer(size, size)
