"""How fast a labeller is."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from depthvla.labels.labellers.labeller import Batch, Labeller


@dataclass(frozen=True)
class Speed:
    """
    Attributes:
        preparing, looking: seconds a frame; a job prepares in several threads, and looks in one.
    """

    preparing: float
    looking: float

    @property
    def frames_per_second(self) -> float:
        """With pictures that are read and prepared in time, and without writing."""
        return 1.0 / self.looking


def measure_speed(
    labeller: Labeller, *, height: int, width: int, batch_size: int, batches: int = 10, seed: int = 0
) -> Speed:
    """Looks at random pictures, full batches of them, after one that isn't counted: the median of some batches."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (batch_size, height, width, 3), dtype=np.uint8)
    batch = Batch(0, "random", np.arange(batch_size), images)
    preparing, looking = [], []
    for _ in range(batches + 1):
        started = time.perf_counter()
        look = labeller.prepare(batch)
        prepared = time.perf_counter()
        look()
        preparing.append(prepared - started)
        looking.append(time.perf_counter() - prepared)
    return Speed(*(float(np.median(times[1:])) / batch_size for times in (preparing, looking)))
