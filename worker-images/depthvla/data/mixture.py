"""Several datasets of demonstrations as one endless row of samples.

Sample `k` is a function of the seed and of `k` alone: any rank, thread or later attempt that asks for it gets the same.
A position is therefore one number.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData, broken
from depthvla.data.episodes import Episode, EpisodeSource
from depthvla.data.order import FrameOrder, MixedOrder
from depthvla.data.pictures import fit_image
from depthvla.data.skips import Skips
from depthvla.runtime import seeds
from depthvla.runtime.config import Json
from depthvla.runtime.failure import CONFIG, DATA_ERROR, WorkerError

_TRIES = 100


@dataclass(frozen=True)
class Part:
    """A dataset in a mixture.

    Attributes:
        weight: its share of the samples, relative to the others'.
        cameras: the mixture's name of a camera -> the dataset's; None where it has none such (its pictures are then
            black, and said not to be there). Without this, cameras keep the names that they have.
        state, action: for each dimension of the mixture the dataset's, -1 where it has none such (it is then 0, and
            said not to be there). Without this, dimensions are as they are.
    """

    source: EpisodeSource
    weight: float = 1.0
    cameras: Mapping[str, str | None] | None = None
    state: tuple[int, ...] | None = None
    action: tuple[int, ...] | None = None

    def all_cameras(self) -> Mapping[str, str | None]:
        return {name: name for name in self.source.cameras} if self.cameras is None else self.cameras


@dataclass(frozen=True)
class Sample:
    """One frame and what was done from it on.

    Attributes:
        dataset, episode, frame: where it is from.
        images: by the mixture's cameras, uint8 ``[size, size, 3]``.
        seen: which of these cameras the dataset has.
        state: float32 ``[S]``.
        action: float32 ``[horizon, A]``; past the end of the episode the last one again.
        past: bool ``[horizon]``, true past the end.
        has_state, has_action: bool ``[S]``, ``[A]``: which dimensions the dataset has.
    """

    dataset: str
    episode: int
    frame: int
    instruction: str
    images: Mapping[str, NDArray[np.uint8]]
    seen: Mapping[str, bool]
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    past: NDArray[np.bool_]
    has_state: NDArray[np.bool_]
    has_action: NDArray[np.bool_]


@dataclass(frozen=True)
class MixtureSettings:
    """
    Attributes:
        horizon: actions in a chunk.
        size: height and width of the pictures.
        window: episodes that are shuffled together, in each dataset.
        bad_share: of a dataset's episodes that may be broken.
    """

    seed: int = 0
    horizon: int = 8
    size: int = 224
    window: int = 32
    bad_share: float = 0.01


class Mixture:
    """See the top of this module. May be shared by threads.

    Args:
        say: is told of what is left out.

    Raises:
        WorkerError: MIXTURE_INVALID, naming the dataset and the field that doesn't go with the others';
            DATA_BROKEN.
    """

    def __init__(
        self, parts: Sequence[Part], settings: MixtureSettings, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.parts, self.settings = list(parts), settings
        try:
            self._mixed = MixedOrder([part.weight for part in parts], settings.seed)
        except ValueError as error:
            raise WorkerError("MIXTURE_INVALID", str(error), exit_code=CONFIG) from error
        self.skips = [Skips(p.source.name, len(p.source.lengths), settings.bad_share, say) for p in parts]
        for part, skips in zip(parts, self.skips, strict=True):
            for reason, count in part.source.left_out.items():
                say(f"{part.source.name}: {count} of {len(part.source.lengths)} episodes are left out: {reason}")
            for number, fault in enumerate(part.source.faults):
                skips.add(f"fault {number}", fault)
            if not part.source.lengths.sum():
                message = f"{part.source.name}: no episode that can be used"
                raise WorkerError("MIXTURE_INVALID", message, exit_code=DATA_ERROR)
        self._orders = [
            FrameOrder(p.source.lengths, settings.window, seeds.number(settings.seed, "dataset", i))
            for i, p in enumerate(parts)
        ]
        self._cache = _Cache(settings.window * len(parts))
        shapes = [self._shape_of(i) for i in range(len(parts))]
        _compare(self.parts, shapes)
        self._widths = [(shape.state, shape.action) for shape in shapes]
        self.cameras = tuple(self.parts[0].all_cameras())

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides which sample has which number."""
        s = self.settings
        what = {
            "settings": [s.seed, s.window],
            "parts": [
                [p.source.name, p.weight, hashlib.sha256(p.source.lengths.astype("<i8").tobytes()).hexdigest()]
                for p in self.parts
            ],
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    def position(self, step: int) -> dict[str, Json]:
        """What to save to go on from a step."""
        return {"step": step, "mixture": self.digest}

    def resume(self, position: Mapping[str, Json]) -> int:
        """The step of a saved position.

        Raises:
            WorkerError: MIXTURE_CHANGED when the data, the weights or the seed are others.
        """
        if position.get("mixture") != self.digest:
            raise WorkerError(
                "MIXTURE_CHANGED",
                "the saved position is of another mixture: its datasets, weights, window or seed were others",
                hint="go on with the data that training began with, or begin anew",
                exit_code=DATA_ERROR,
            )
        return int(str(position["step"]))

    def batch(self, step: int, size: int, rank: int = 0, world: int = 1) -> list[Sample]:
        """A rank's samples of a step; those of all ranks are the same for any number of them."""
        rows = seeds.part(size, rank, world)
        return [self.sample(step * size + row) for row in range(rows.start, rows.stop)]

    def sample(self, k: int) -> Sample:
        """The `k`-th sample. In the place of a broken one another of its dataset, again decided by `k`.

        Raises:
            WorkerError: DATA_BROKEN.
        """
        which, draw = self._mixed.at(k)
        order = self._orders[which]
        for attempt in range(_TRIES):
            at = draw if attempt == 0 else seeds.number(self.settings.seed, "instead", k, attempt) % order.total
            index, frame = order.at(at)
            try:
                return self._make(which, index, frame)
            except BrokenData as error:
                self.skips[which].add(f"episode {index}", error)
        name = self.parts[which].source.name
        raise WorkerError("DATA_BROKEN", f"{name}: {_TRIES} frames in a row are broken", exit_code=DATA_ERROR)

    def vectors(self, which: int, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """State ``[T, S]`` and action ``[T, A]`` of an episode, in the mixture's dimensions.

        Raises:
            WorkerError: DATA_BROKEN.
        """
        episode, part = self._read(which, index), self.parts[which]
        return _take(episode.state, part.state), _take(episode.action, part.action)

    def dimensions(self, which: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which dimensions of state and action a dataset has."""
        part, (state, action) = self.parts[which], self._widths[which]
        return _has(part.state, state), _has(part.action, action)

    def _make(self, which: int, index: int, frame: int) -> Sample:
        part, s = self.parts[which], self.settings
        episode = self._read(which, index)
        images, seen = {}, {}
        for name, theirs in part.all_cameras().items():
            seen[name] = theirs is not None
            images[name] = (
                np.zeros((s.size, s.size, 3), np.uint8)
                if theirs is None
                else fit_image(episode.cameras[theirs][frame], s.size)
            )
        ahead = frame + np.arange(s.horizon)
        has_state, has_action = self.dimensions(which)
        return Sample(
            dataset=part.source.name,
            episode=index,
            frame=frame,
            instruction=episode.instruction(frame),
            images=images,
            seen=seen,
            state=_take(episode.state[frame : frame + 1], part.state)[0],
            action=_take(episode.action[np.minimum(ahead, len(episode) - 1)], part.action),
            past=ahead >= len(episode),
            has_state=has_state,
            has_action=has_action,
        )

    def _read(self, which: int, index: int) -> Episode:
        """An episode, if its dimensions are those of its dataset's first."""
        source = self.parts[which].source
        episode = self._cache.get((which, index), lambda: source.read(index))
        found = (episode.state.shape[1], episode.action.shape[1])
        for name, width, wanted in zip(("state", "action"), found, self._widths[which], strict=True):
            if width != wanted:
                problem = f"episode {index}: {name} has {width} dimensions, those of the first {wanted}"
                raise broken(episode.path, problem)
        return episode

    def _shape_of(self, which: int) -> _Shape:
        """Of the first episode that can be read."""
        source = self.parts[which].source
        for index in map(int, np.flatnonzero(source.lengths)):
            try:
                episode = source.read(index)
            except BrokenData as error:
                self.skips[which].add(f"episode {index}", error)
            else:
                return _Shape(episode.state.shape[1], episode.action.shape[1], tuple(episode.cameras))
        raise WorkerError("DATA_BROKEN", f"{source.name}: no episode can be read", exit_code=DATA_ERROR)


@dataclass(frozen=True)
class _Shape:
    state: int
    action: int
    cameras: tuple[str, ...]


@dataclass
class _Cache:
    """The episodes read last."""

    most: int
    _kept: OrderedDict[tuple[int, int], Episode] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: tuple[int, int], read: Callable[[], Episode]) -> Episode:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        episode = read()
        with self._lock:
            self._kept[key] = episode
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        return episode


def _compare(parts: Sequence[Part], shapes: Sequence[_Shape]) -> None:
    """Whether all datasets have the same cameras and dimensions, as far as can be known."""

    def fail(part: Part, problem: str) -> WorkerError:
        hint = "say which of its dimensions or cameras is which, with `state`, `action` or `cameras` of the dataset"
        return WorkerError("MIXTURE_INVALID", f"{part.source.name}: {problem}", hint=hint, exit_code=CONFIG)

    first = parts[0]
    widths: dict[str, int] = {}
    for part, shape in zip(parts, shapes, strict=True):
        for ours, theirs in part.all_cameras().items():
            if theirs is not None and theirs not in shape.cameras:
                raise fail(part, f"cameras: {ours} is {theirs!r}, but its cameras are {list(shape.cameras)}")
        if set(part.all_cameras()) != set(first.all_cameras()):
            raise fail(
                part, f"cameras are {sorted(part.all_cameras())}, those of {first.source.name} "
                f"{sorted(first.all_cameras())}"
            )  # fmt: skip
        for name, taken, width in (("state", part.state, shape.state), ("action", part.action, shape.action)):
            if taken is not None and any(not -1 <= i < width for i in taken):
                raise fail(part, f"{name} is {list(taken)}, but it has {width} dimensions, 0 to {width - 1}")
            here = width if taken is None else len(taken)
            if widths.setdefault(name, here) != here:
                raise fail(part, f"{name} has {here} dimensions, that of {first.source.name} {widths[name]}")
    for name in ("state", "action"):
        named = [(p, getattr(p.source, f"{name}_names")) for p in parts if getattr(p, name) is None]
        known = [(p, names) for p, names in named if names is not None]
        for part, names in known[1:]:
            if names != known[0][1]:
                raise fail(
                    part, f"{name} is {', '.join(names)}; that of {known[0][0].source.name} {', '.join(known[0][1])}"
                )  # fmt: skip


def _take(values: NDArray[np.float32], taken: tuple[int, ...] | None) -> NDArray[np.float32]:
    """Dimensions of ``[T, D]`` in the mixture's order, 0 where there is none."""
    if taken is None:
        return values
    index = np.array(taken)
    return np.where(index >= 0, values[:, index], np.float32(0))


def _has(taken: tuple[int, ...] | None, width: int) -> NDArray[np.bool_]:
    return np.ones(width, np.bool_) if taken is None else np.array(taken) >= 0
