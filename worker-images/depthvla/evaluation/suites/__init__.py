"""The benchmarks that `evaluate` runs, behind one interface."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from depthvla.evaluation.suites.suite import Suite

SuiteName = Literal["metaworld"]


@lru_cache(maxsize=1)
def open_suite(name: SuiteName) -> Suite:
    """The suite of this name; only then its simulator is imported.

    Raises:
        WorkerError: SUITE_MISSING, when its simulator isn't installed.
    """
    return _OPEN[name]()


def _metaworld() -> Suite:
    from depthvla.evaluation.suites.metaworld import metaworld

    return metaworld()


_OPEN: dict[SuiteName, Callable[[], Suite]] = {"metaworld": _metaworld}
