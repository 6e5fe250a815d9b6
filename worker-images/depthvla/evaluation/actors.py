"""Who acts in a trial: a policy that looks through the camera, or the expert that reads the simulator's state."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from depthvla.data.truth import to_millimetres
from depthvla.evaluation.camera import Renderer
from depthvla.evaluation.metaworld import MetaWorld
from depthvla.evaluation.trials import PolicyName, noise_seed


class Actor(Protocol):
    """Chooses the next decisions of a batch of worlds."""

    digest: str

    def act(self, worlds: Sequence[MetaWorld], trials: Sequence[int]) -> NDArray[np.float32]:
        """Actions ``[B, T, 4]`` for worlds of one task, to be carried out one after the other.

        What is chosen for one world must not depend on which others are asked about with it.
        """
        ...


class Expert:
    """Meta-World's scripted expert, one decision at a time."""

    digest = ""

    def act(self, worlds: Sequence[MetaWorld], trials: Sequence[int]) -> NDArray[np.float32]:
        return np.stack([world.expert_action() for world in worlds])[:, None]


class Looking:
    """A learned policy; draws what it looks at, and nothing else."""

    def __init__(self, name: PolicyName, folder: Path) -> None:
        from depthvla.model.policy import Policy

        self._policy = Policy.load(folder) if name == "trained" else Policy.untrained(folder)
        self.digest = self._policy.digest

    def act(self, worlds: Sequence[MetaWorld], trials: Sequence[int]) -> NDArray[np.float32]:
        # The world cuts actions to its own bounds.
        size = self._policy.image_size
        renderer = _renderer(worlds[0].task, size)
        # The policy keeps to one shape of batch by itself.
        seen = [world.look(renderer) for world in worlds]
        # As it is stored in demonstrations: in whole millimetres, 0 where nothing is near.
        metres = [to_millimetres(picture.depth) * np.float32(0.001) for picture in seen]
        return self._policy.act(
            np.stack([picture.rgb for picture in seen]),
            np.stack([world.state for world in worlds]),
            [world.instruction for world in worlds],
            np.array([noise_seed(w.task, t, w.steps) for w, t in zip(worlds, trials, strict=True)], np.int64),
            depth=np.stack(metres)[:, None] if self._policy.takes_depth else None,
        )


@lru_cache(maxsize=4)
def load_actor(name: PolicyName, folder: Path) -> Actor:
    """The actor of this name, loaded once a process, on one thread: the processes share the cores."""
    if name == "expert":
        return Expert()
    import torch

    torch.set_num_threads(1)
    return Looking(name, folder)


_worlds: dict[str, list[MetaWorld]] = {}


def worlds_of(task: str, count: int) -> list[MetaWorld]:
    """As many worlds of a task as run side by side, made once a process: ten take two seconds."""
    worlds = _worlds.setdefault(task, [])
    worlds.extend(MetaWorld(task) for _ in range(count - len(worlds)))
    return worlds[:count]


@lru_cache(maxsize=16)
def _renderer(task: str, size: int) -> Renderer:
    return worlds_of(task, 1)[0].renderer(size, size)
