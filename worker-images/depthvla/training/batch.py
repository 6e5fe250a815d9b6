"""What one rank computes a step's losses on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from torch import Tensor

from depthvla.model.observation import Observation
from depthvla.runtime import seeds

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    D = TypeVar("D", bound=DataclassInstance)


@dataclass(frozen=True)
class Moments:
    """b moments of demonstrations, with K noise draws for each."""

    observation: Observation
    noisy: Tensor
    """``[b, K, H, A]``"""
    time: Tensor
    """``[b, K]``"""
    velocity: Tensor
    """``[b, K, H, A]``, to be learnt."""
    keep: Tensor
    """bool ``[b, H]``, False past the end of the episode."""
    has: Tensor
    """bool ``[b, A]``: which dimensions of an action the dataset has."""
    depth: Tensor | None
    """Metres ``[b, D, H, W]`` of the first D cameras, 0 = not known; None without a depth loss on them."""
    weight: Tensor | None
    """``[b, D, H, W]``, what a pixel of it counts; None: each the same."""


@dataclass(frozen=True)
class Scenes:
    """s pictures with depth that come with no instruction."""

    images: Tensor
    """uint8 ``[s, H, W, 3]``"""
    depth: Tensor
    """metres ``[s, H, W]``"""


@dataclass(frozen=True)
class Batch:
    moments: Moments
    scenes: Scenes | None

    def part(self, part: int, parts: int) -> Batch:
        """One of so many equal parts, both of moments and of scenes."""
        rows = seeds.part(len(self.moments.noisy), part, parts)
        scenes = self.scenes
        if scenes is not None:
            of_scenes = seeds.part(len(scenes.images), part, parts)
            scenes = each(scenes, lambda t: t[of_scenes])
        return Batch(each(self.moments, lambda t: t[rows]), scenes)


def each(x: D, do: Callable[[Tensor], Tensor]) -> D:
    """A dataclass with something done to every tensor in it."""
    made: dict[str, Any] = {}
    for name, value in vars(x).items():
        if isinstance(value, Tensor):
            made[name] = do(value)
        elif is_dataclass(value) and not isinstance(value, type):
            made[name] = each(value, do)
    return replace(x, **made)
