"""The benchmarks that `evaluate` runs, behind one interface."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from depthvla.evaluation.suites.suite import Suite

SuiteName = Literal[
    "metaworld", "libero-spatial", "libero-object", "libero-goal", "libero-10", "simpler-widowx",
]  # fmt: skip


@lru_cache(maxsize=1)
def open_suite(name: SuiteName) -> Suite:
    """The suite of this name; only then its simulator is imported.

    Raises:
        WorkerError: SUITE_MISSING, when its simulator isn't installed.
    """
    if name == "metaworld":
        from depthvla.evaluation.suites.metaworld import metaworld

        return metaworld()
    if name == "simpler-widowx":
        from depthvla.evaluation.suites.simpler import simpler_widowx

        return simpler_widowx()
    from depthvla.evaluation.suites.libero import libero

    return libero(name)
