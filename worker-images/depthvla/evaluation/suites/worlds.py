"""The worlds of a process."""

from __future__ import annotations

from depthvla.evaluation.suites.suite import Suite, World

_worlds: list[World] = []


def worlds_of(suite: Suite, task: str, count: int) -> list[World]:
    """As many worlds of a task as run side by side, kept until another task is asked for.

    Making one takes from a fifth of a second to half a minute, and up to a gigabyte.
    """
    if _worlds and _worlds[0].task != task:
        for world in _worlds:
            world.close()
        _worlds.clear()
    _worlds.extend(suite.make(task) for _ in range(count - len(_worlds)))
    return _worlds[:count]
