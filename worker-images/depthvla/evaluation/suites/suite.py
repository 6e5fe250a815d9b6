"""What a benchmark must offer so that a policy can be tried on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Observed:
    """What a policy is shown.

    Attributes:
        images: uint8 ``[C, S, S, 3]`` of the suite's cameras in their order, upright, as training pictures are.
        state: float32 ``[N]`` in the units of the suite's training data.
        depth: float32 ``[C, S, S]``, metres along the optical axis, 0 where nothing was hit; None in a suite without.
    """

    images: NDArray[np.uint8]
    state: NDArray[np.float32]
    depth: NDArray[np.float32] | None = None


class World(Protocol):
    """One task of a suite in a simulator, used for one trial after the other."""

    @property
    def task(self) -> str: ...

    @property
    def instruction(self) -> str: ...

    @property
    def steps(self) -> int:
        """Taken since the reset, as the suite counts them."""
        ...

    @property
    def success(self) -> bool:
        """Whether the task is solved; for when that counts, see `Suite.counts`."""
        ...

    def reset(self, initial: int) -> str:
        """Start from an initial state, the same bits whatever was done before. Equal digests, equal starts."""
        ...

    def observe(self, size: int) -> Observed:
        """What can be seen now, in pictures of ``size`` x ``size``."""
        ...

    def step(self, action: NDArray[np.float32]) -> None:
        """Carry out one action ``[A]`` in the units of the suite's training data, cut to what the robot can do."""
        ...

    def picture(self) -> NDArray[np.uint8]:
        """uint8 ``[H, W, 3]`` for people."""
        ...

    def close(self) -> None: ...


class Knowing(World, Protocol):
    """A world whose solution is known."""

    def expert_action(self) -> NDArray[np.float32]:
        """What the suite's scripted expert would do now."""
        ...


@dataclass(frozen=True)
class Suite:
    """A benchmark, as data, and the way to its worlds.

    Attributes:
        name: as in a config.
        limits: by task, the steps after which a trial has failed by the suite's protocol.
        most_steps: that its simulator allows.
        cameras: their names, in the order of pictures.
        state: numbers of a state.
        actions: numbers of an action.
        rate: actions a second.
        decisions: actions of a chunk that are carried out before the policy looks again, by the protocol.
        initial_states: of each task.
        initial_state: which one a trial starts from.
        counts: when being solved counts: as soon as it happens, which ends the trial, or at its last step only.
        measures_depth: whether its observations have depth.
        has_expert: whether its worlds are `Knowing`.
        versions: of the simulator.
        make: a world of a task.
    """

    name: str
    limits: Mapping[str, int]
    most_steps: int
    cameras: tuple[str, ...]
    state: int
    actions: int
    rate: float
    decisions: int
    initial_states: int
    counts: Literal["at once", "at the end"]
    measures_depth: bool
    has_expert: bool
    versions: str
    make: Callable[[str], World]
    initial_state: Callable[[int], int] = int
