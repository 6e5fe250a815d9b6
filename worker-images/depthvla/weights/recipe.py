"""What becomes of the tensors of a checkpoint: pure data, one recipe a family of models."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from depthvla.model.config import Rgb
from depthvla.runtime.config import Json

Shape = tuple[int, ...]
Make = Callable[..., Tensor]


@dataclass(frozen=True)
class Piece:
    """One of our parameters, and how it is made of tensors of the checkpoint."""

    target: str
    sources: Mapping[str, Shape]
    """Names (after `Recipe.renames`) in the order in which `make` takes them, with the shapes that they must have."""
    make: Make = lambda only: only


@dataclass(frozen=True)
class Recipe:
    """How a family of checkpoints becomes weights of ours."""

    family: str
    """As an error calls it."""
    settings: Mapping[str, Json | tuple[Json, ...]]
    """What `config.json` must say, by path (`text_config.hidden_size`); a tuple holds alternatives. Numbers that no
    shape shows are here too: heads, norms' epsilons, activations."""
    defaults: Mapping[str, Json]
    """What a setting that isn't there means in that family."""
    renames: Sequence[tuple[str, str]]
    """Patterns and replacements that bring all layouts of a family to one, applied in order to every name."""
    pieces: Sequence[Piece]
    pixels: tuple[Rgb, Rgb]
    """Mean and standard deviation that pictures are normalised with; `preprocessor_config.json` must say the same."""
    unused: Mapping[str, str] = field(default_factory=dict)
    """Prefixes of names that have no place in our model, and why."""
    tied: Mapping[str, str] = field(default_factory=dict)
    """Names that, where they are, repeat another tensor."""

    def rename(self, name: str) -> str:
        for pattern, replacement in self.renames:
            name = re.sub(pattern, replacement, name)
        return name


def setting(config: Mapping[str, Json], path: str, default: Json = None) -> Json:
    """What a config says at a path such as `text_config.hidden_size`."""
    found: Json = config
    for key in path.split("."):
        if not isinstance(found, Mapping) or found.get(key) is None:
            return default
        found = found[key]
    return found


def number(config: Mapping[str, Json], path: str, default: int) -> int:
    """A whole number of a config; where it is none, the default: `Recipe.settings` will say that it is wrong."""
    found = setting(config, path, default)
    return found if type(found) is int else default


def stack(*parts: Tensor) -> Tensor:
    """Rows of several matrices (or vectors) one below the other: several products in one."""
    return torch.cat(parts)


def patches(kernel: Tensor) -> Tensor:
    """Kernel of a convolution ``[O, 3, p, p]`` -> matrix ``[O, p² × 3]``, for patches with colours last."""
    return kernel.permute(0, 2, 3, 1).flatten(1)


def grid(side: int) -> Make:
    """Positions of a grid ``[G², W]`` -> ``[side², W]``, interpolated bicubically in float32 as transformers does."""

    def make(positions: Tensor) -> Tensor:
        if positions.shape[0] == side**2:
            return positions
        old = round(positions.shape[0] ** 0.5)
        square = positions.float().view(1, old, old, -1).permute(0, 3, 1, 2)
        new = F.interpolate(square, (side, side), mode="bicubic", align_corners=False)
        return new.permute(0, 2, 3, 1).reshape(side**2, -1)

    return make
