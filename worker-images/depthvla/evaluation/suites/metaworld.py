"""Meta-World as a suite. Its worlds are those that demonstrations come from."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from metaworld.policies import ENV_POLICY_MAP
from numpy.typing import NDArray

from depthvla.evaluation.camera import Renderer
from depthvla.evaluation.metaworld import (
    ACTION_NAMES,
    CAMERA,
    DECISIONS_PER_SECOND,
    LONGEST_EPISODE,
    STATE_NAMES,
    MetaWorld,
)
from depthvla.evaluation.suites.suite import Observed, Suite
from depthvla.evaluation.trials import placement_of

# Simulator steps, of which there are two a decision. The experts need 40 to 130 of them, on most tasks.
_LIMIT = 200
_PLACEMENTS = 5000
_PICTURE = 192


def metaworld() -> Suite:
    """Its 50 tasks; steps are the simulator's, 80 a second."""
    return Suite(
        name="metaworld",
        limits=dict.fromkeys(ENV_POLICY_MAP, _LIMIT),
        most_steps=LONGEST_EPISODE,
        cameras=(CAMERA,),
        state=len(STATE_NAMES),
        actions=len(ACTION_NAMES),
        rate=DECISIONS_PER_SECOND,
        decisions=4,
        initial_states=_PLACEMENTS,
        initial_state=placement_of,
        counts="at once",
        measures_depth=True,
        has_expert=True,
        versions=f"metaworld {version('metaworld')}, mujoco {version('mujoco')}",
        make=_Watched,
    )


class _Watched:
    """A `MetaWorld` with its camera. Worlds of one task share their renderers: making one takes long."""

    def __init__(self, task: str) -> None:
        self._world = MetaWorld(task)
        self.task = task
        self.instruction = self._world.instruction

    @property
    def steps(self) -> int:
        return self._world.steps

    @property
    def success(self) -> bool:
        return self._world.success

    def reset(self, initial: int) -> str:
        self._world.reset(initial)
        return self._world.initial_state()

    def observe(self, size: int) -> Observed:
        seen = self._world.look(self._renderer(size))
        return Observed(seen.rgb[None], self._world.state, seen.depth[None])

    def step(self, action: NDArray[np.float32]) -> None:
        self._world.step(action)

    def picture(self) -> NDArray[np.uint8]:
        return self._world.look(self._renderer(_PICTURE)).rgb

    def expert_action(self) -> NDArray[np.float32]:
        return self._world.expert_action()

    def close(self) -> None:
        for key in [key for key in _renderers if key[0] == self.task]:
            _renderers.pop(key).close()

    def _renderer(self, size: int) -> Renderer:
        if (self.task, size) not in _renderers:
            _renderers[self.task, size] = self._world.renderer(size, size)
        return _renderers[self.task, size]


_renderers: dict[tuple[str, int], Renderer] = {}
