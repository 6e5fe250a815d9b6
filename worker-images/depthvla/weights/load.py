"""Weights of a checkpoint into a model. Every tensor is used or named as unused; nothing is skipped in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from depthvla.runtime.config import Json
from depthvla.weights.checkpoint import CONFIG, PICTURES, Checkpoint, invalid
from depthvla.weights.recipe import Recipe, Shape, setting

FLOATS = ("F64", "F32", "F16", "BF16")
SAID = 5
"""Problems that an error names; of the others it says how many there are."""


@dataclass(frozen=True)
class Loaded:
    """What became of a checkpoint."""

    family: str
    used: tuple[str, ...]
    unused: Mapping[str, str]
    """Names of tensors, as they are in the file, and why they have no place in the model."""

    def __str__(self) -> str:
        """One line; tensors that share a reason are counted under what their names have in common."""
        by_reason: dict[str, list[str]] = {}
        for name, why in self.unused.items():
            by_reason.setdefault(why, []).append(name)
        left = [f"{_common(names)} ({why})" for why, names in by_reason.items()]
        return f"{self.family}: {len(self.used)} tensors used" + (f"; not used: {', '.join(left)}" if left else "")


def load_weights(module: nn.Module, recipe: Recipe, checkpoint: Checkpoint, device: str = "cpu") -> Loaded:
    """Fills the parameters that the recipe names. They keep their type, and whether they are trained.

    A parameter on the meta device is replaced by one on `device`, so that a large model is in memory once.

    Raises:
        WorkerError: WEIGHTS_INVALID, as `check_weights`; then nothing was changed.
    """
    names = check_weights(recipe, checkpoint)
    for copy, original in recipe.tied.items():
        if copy in names and not torch.equal(checkpoint.read(names[copy]), checkpoint.read(names[original])):
            file = checkpoint.folder / checkpoint.tensors[names[copy]].file
            raise invalid(f"{file}: {names[copy]} is not {names[original]}, which it must repeat")
    with torch.no_grad():
        for piece in recipe.pieces:
            _fill(module, piece.target, piece.make(*(checkpoint.read(names[s]) for s in piece.sources)), device)
    used = {names[source] for piece in recipe.pieces for source in piece.sources}
    unused = {stored: why for name, stored in sorted(names.items()) if (why := _why(recipe, name)) is not None}
    return Loaded(recipe.family, tuple(sorted(used)), unused)


def check_weights(recipe: Recipe, checkpoint: Checkpoint) -> dict[str, str]:
    """Looks at configs, names, shapes and types, before any tensor is read.

    Returns:
        The name in the file of each tensor, by its name in the recipe's layout.

    Raises:
        WorkerError: WEIGHTS_INVALID, naming files and tensors: another class or size of model, a tensor that is
            missing, of the wrong shape or type, or unknown.
    """
    config, pictures = checkpoint.folder / CONFIG, checkpoint.folder / PICTURES
    _fail(_differences(recipe, checkpoint.config), f"{config}: no {recipe.family} of this size")
    _fail(_other_pixels(recipe, checkpoint.pictures), f"{pictures}: pictures are prepared otherwise")
    names = _names(recipe, checkpoint)
    _fail(_problems(recipe, checkpoint, names), f"{checkpoint.folder}: not the tensors of this {recipe.family}")
    return names


def _common(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} of {names[0].partition('.')[0]}.*"


def _fill(module: nn.Module, target: str, value: Tensor, device: str) -> None:
    owner = module.get_submodule(target.rpartition(".")[0])
    name = target.rpartition(".")[2]
    parameter = getattr(owner, name)
    assert isinstance(parameter, nn.Parameter), target
    assert parameter.shape == value.shape, (target, parameter.shape, value.shape)
    if parameter.is_meta:
        # Copied, never assigned as it is: it may be a view of the file.
        empty = torch.empty_like(parameter, device=device)
        setattr(owner, name, nn.Parameter(empty, requires_grad=parameter.requires_grad))
    getattr(owner, name).copy_(value)


def _names(recipe: Recipe, checkpoint: Checkpoint) -> dict[str, str]:
    """Name in the file of each name in the recipe's layout."""
    names: dict[str, str] = {}
    for stored in checkpoint.tensors:
        name = recipe.rename(stored)
        if name in names:
            raise invalid(f"{checkpoint.folder}: {names[name]} and {stored} are the same tensor, in two layouts")
        names[name] = stored
    return names


def _why(recipe: Recipe, name: str) -> str | None:
    if name in recipe.tied:
        return f"is {recipe.tied[name]} again"
    return next((why for prefix, why in recipe.unused.items() if name.startswith(prefix)), None)


def _differences(recipe: Recipe, config: Mapping[str, Json]) -> Iterator[str]:
    for path, wanted in recipe.settings.items():
        found = setting(config, path, recipe.defaults.get(path))
        allowed = wanted if isinstance(wanted, tuple) else (wanted,)
        if found not in allowed:
            yield f"{path} is {found!r}, not {' or '.join(repr(a) for a in allowed)}"


def _other_pixels(recipe: Recipe, pictures: Mapping[str, Json]) -> Iterator[str]:
    for name, ours in zip(("image_mean", "image_std"), recipe.pixels, strict=True):
        if pictures.get(name, list(ours)) != list(ours):
            yield f"{name} is {pictures[name]}, not {list(ours)}"


def _problems(recipe: Recipe, checkpoint: Checkpoint, names: Mapping[str, str]) -> Iterator[str]:
    wanted: dict[str, Shape] = {n: shape for piece in recipe.pieces for n, shape in piece.sources.items()}
    for name, shape in wanted.items():
        if name not in names:
            yield f"{name} is missing"
            continue
        stored = checkpoint.tensors[names[name]]
        if stored.shape != shape:
            yield f"{stored.file}: {names[name]} has shape {list(stored.shape)}, not {list(shape)}"
        elif stored.dtype not in FLOATS:
            yield f"{stored.file}: {names[name]} is of type {stored.dtype}, not one of {', '.join(FLOATS)}"
    for name, original in names.items():
        if name not in wanted and _why(recipe, name) is None:
            yield f"{checkpoint.tensors[original].file}: {original} is unknown"


def _fail(found: Iterable[str], what: str) -> None:
    if problems := list(found):
        more = f"; and {len(problems) - SAID} more" if len(problems) > SAID else ""
        raise invalid(f"{what}: {'; '.join(problems[:SAID])}{more}", "check which model and which preset go together")
