"""In which order frames of scenes are drawn: a function of the seed and of the number of the draw.

Draws go round over lanes. A lane visits one scene after the other, and takes a few frames of each, in rising order,
spread over all of it. So neighbours in a batch are of different scenes; a scene is opened once a visit, and read
forward; how many frames it has needn't be known before; and a rank whose part of each batch is always the same lanes
opens no other rank's scenes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from depthvla.data.order import MixedOrder
from depthvla.runtime import seeds


@dataclass(frozen=True)
class Pick:
    """
    Attributes:
        lane, visit: a lane keeps a scene open for a visit.
        part, scene: whose frame it is.
        at: where in the scene, from 0 to below 1.
    """

    lane: int
    visit: int
    part: int
    scene: int
    at: float


class SceneOrder:
    """
    Args:
        scenes: of each part.
        weights: of the parts, kept to a ten-thousandth of their sum.
        lanes: how many scenes are read side by side: batches of that size (or a multiple) are best.
        frames: taken in a visit.

    Raises:
        ValueError: for weights, see `MixedOrder`.
    """

    def __init__(self, scenes: Sequence[int], weights: Sequence[float], lanes: int, frames: int, seed: int) -> None:
        self._mixed = MixedOrder(weights, seeds.number(seed, "parts"))
        self._scenes, self._lanes, self._frames, self._seed = list(scenes), lanes, frames, seed
        # Memory of what was worked out last, not state.
        self._epoch = lru_cache(maxsize=2 * len(self._scenes))(self._shuffle)
        self._spread = lru_cache(maxsize=2 * lanes)(self._draw_places)

    def at(self, draw: int) -> Pick:
        turn, lane = divmod(draw, self._lanes)
        # Lanes begin at different places of a visit: so they don't all open a scene in the same step.
        turn, place = divmod(turn + lane * self._frames // self._lanes, self._frames)
        visit = turn * self._lanes + lane
        part, number = self._mixed.at(visit)
        epoch, slot = divmod(number, self._scenes[part])
        return Pick(lane, visit, part, int(self._epoch(part, epoch)[slot]), float(self._spread(visit)[place]))

    def instead(self, draw: int, attempt: int) -> Pick:
        """Another of the same part, for one that is broken."""
        part = self.at(draw).part
        random = np.random.default_rng(seeds.number(self._seed, "instead", draw, attempt))
        return Pick(-1, draw * 1000 + attempt, part, int(random.integers(self._scenes[part])), float(random.random()))

    def _shuffle(self, part: int, epoch: int) -> NDArray[np.int64]:
        """The scenes of a part in the order of this epoch."""
        return np.random.default_rng(seeds.number(self._seed, "scenes", part, epoch)).permutation(self._scenes[part])

    def _draw_places(self, visit: int) -> NDArray[np.float64]:
        """Where the frames of a visit are: one in each of so many equal stretches."""
        random = np.random.default_rng(seeds.number(self._seed, "frames", visit))
        return (np.arange(self._frames) + random.random(self._frames)) / self._frames
