"""Who acts in a trial: a policy that looks through the cameras, or the expert that reads the simulator's state."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from depthvla.data.truth import to_millimetres
from depthvla.evaluation.suites.suite import Knowing, Observed, World
from depthvla.evaluation.trials import PolicyName, noise_seed
from depthvla.runtime.sharing import Precision

_TYPES: dict[Precision, Literal["float32", "bfloat16"]] = {"fp32": "float32", "bf16": "bfloat16"}
_METRE = np.float32(0.001)


class Actor(Protocol):
    """Chooses the next decisions of a batch of worlds."""

    digest: str

    def act(self, worlds: Sequence[World], trials: Sequence[int]) -> NDArray[np.float32]:
        """Actions ``[B, T, A]`` for worlds of one task, to be carried out one after the other.

        What is chosen for one world must not depend on which others are asked about with it.
        """
        ...


class Expert:
    """The suite's scripted expert, one decision at a time."""

    digest = ""

    def act(self, worlds: Sequence[World], trials: Sequence[int]) -> NDArray[np.float32]:
        return np.stack([cast(Knowing, world).expert_action() for world in worlds])[:, None]


class Looking:
    """A learned policy; draws what it looks at, and nothing else."""

    def __init__(self, name: PolicyName, folder: Path, device: str, precision: Precision) -> None:
        from depthvla.model.policy import Policy, Running

        running = Running(device, _TYPES[precision])
        self._policy = Policy.load(folder, running) if name == "trained" else Policy.untrained(folder, running=running)
        self.digest = self._policy.digest

    def act(self, worlds: Sequence[World], trials: Sequence[int]) -> NDArray[np.float32]:
        # The world cuts actions to its own bounds, and the policy keeps to one shape of batch by itself.
        seen = [world.observe(self._policy.image_size) for world in worlds]
        return self._policy.act(
            np.stack([one.images for one in seen]),
            np.stack([one.state for one in seen]),
            [world.instruction for world in worlds],
            np.array([noise_seed(w.task, t, w.steps) for w, t in zip(worlds, trials, strict=True)], np.int64),
            depth=self._measured(seen) if self._policy.takes_depth else None,
        )

    def _measured(self, seen: Sequence[Observed]) -> NDArray[np.float32]:
        """Metres ``[B, D, H, W]`` as they are stored in demonstrations: whole millimetres, 0 where nothing is near."""
        cameras = self._policy.config.depth_cameras
        return np.stack([to_millimetres(one.depth[:cameras]) for one in seen if one.depth is not None]) * _METRE


@lru_cache(maxsize=4)
def load_actor(name: PolicyName, folder: Path, device: str, precision: Precision) -> Actor:
    """The actor of this name, loaded once a process, on one thread: the processes share the cores."""
    if name == "expert":
        return Expert()
    import torch

    torch.set_num_threads(1)
    return Looking(name, folder, device, precision)
