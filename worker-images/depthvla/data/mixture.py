"""Several datasets of demonstrations as one endless row of samples.

Sample `k` is a function of the seed and of `k` alone: any rank, thread or later attempt that asks for it gets the same.
A position is therefore one number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depthvla.data.augment import PLAIN, Augmentation, Change, change_depth, change_image, draw_change
from depthvla.data.broken import BrokenData, broken
from depthvla.data.episodes import Episode
from depthvla.data.kept import Pictures, Recent
from depthvla.data.order import FrameOrder, MixedOrder
from depthvla.data.parts import Part, Shape, compare_parts, has, take
from depthvla.data.pictures import middle
from depthvla.data.pseudo_depth import PseudoDepth
from depthvla.data.reading import plausible, view_problem
from depthvla.data.skips import Skips
from depthvla.runtime import seeds
from depthvla.runtime.failure import CONFIG, DATA_ERROR, WorkerError

_TRIES = 100
_AHEAD = 256
"""Samples by which episodes are announced before they are read."""


Depth = Literal["none", "labels", "measured"]


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
        depth: by the mixture's `depth_cameras`, float32 ``[size, size]``, metres along the axis, 0 = not known.
        confidence: likewise, how sure pseudo depth is there, 0 to 1; 1 where nobody says.
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
    depth: Mapping[str, NDArray[np.float32]]
    confidence: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class MixtureSettings:
    """
    Attributes:
        horizon: actions in a chunk.
        size: height and width of the pictures.
        window: episodes that are shuffled together, in each dataset.
        bad_share: of a dataset's episodes that may be broken.
        unlabelled_share: of a dataset's clips whose labels may be missing or broken, where there are labels.
        depth: where depth comes from: pseudo labels, or what the dataset measured (in a simulator: the truth).
        augmentation: how pictures are varied, depth along with them; cameras of one sample each in another way.
        keep_bytes: of decoded pictures that are kept in memory; a data set that fits is decoded once.
    """

    seed: int = 0
    horizon: int = 8
    size: int = 224
    window: int = 32
    bad_share: float = 0.01
    unlabelled_share: float = 0.05
    depth: Depth = "none"
    augmentation: Augmentation = PLAIN
    keep_bytes: int = 256 << 20


class Mixture:
    """See the top of this module. May be shared by threads.

    Args:
        say: is told of what is left out.
        usable: whether an instruction can be used; a frame with another one counts as broken.

    Raises:
        WorkerError: MIXTURE_INVALID, naming the dataset and the field that doesn't go with the others'; LABELS_INVALID;
            DATA_BROKEN.

    Attributes:
        cameras: what the mixture calls them.
        depth_cameras: those that have depth, in some dataset at least.
        labels: the pseudo depth of each dataset.
    """

    def __init__(
        self, parts: Sequence[Part], settings: MixtureSettings, say: Callable[[str], None] = lambda _: None,
        usable: Callable[[str], bool] = lambda _: True,
    ) -> None:  # fmt: skip
        self.parts, self.settings, self._usable = list(parts), settings, usable
        try:
            self._mixed = MixedOrder([part.weight for part in parts], settings.seed)
        except ValueError as error:
            raise WorkerError("MIXTURE_INVALID", str(error), exit_code=CONFIG) from error
        # What is in a file that can't be read isn't known: it counts as one episode.
        counts = [len(p.source.lengths) + len(p.source.faults) for p in parts]
        self.skips = [Skips(p.source.name, n, settings.bad_share, say) for p, n in zip(parts, counts, strict=True)]
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
        self._episodes: Recent[Episode] = Recent(settings.window * len(parts))
        self._announced: Recent[None] = Recent(2 * settings.window * len(parts))
        self._pictures = Pictures(settings.keep_bytes)
        shapes = [self._shape_of(i) for i in range(len(parts))]
        compare_parts(self.parts, shapes)
        self._widths = [(shape.state, shape.action) for shape in shapes]
        # Of all datasets together: whether they fit is the question.
        self._frames = sum(int(p.source.lengths.sum()) * len(p.all_cameras()) for p in parts)
        self.cameras = tuple(self.parts[0].all_cameras())
        self.labels = self._open_labels(say)
        deep = {camera for which in range(len(parts)) for camera in self._deep(which)}
        self.depth_cameras = tuple(camera for camera in self.cameras if camera in deep)
        if settings.depth != "none" and not deep:
            raise WorkerError(
                "MIXTURE_INVALID",
                f"depth: no dataset has depth of its own for any of the cameras {list(self.cameras)}",
                hint="set `depth_input` and `depth_labels` back, or take data with measured depth", exit_code=CONFIG,
            )  # fmt: skip

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

    def batch(self, step: int, size: int, rank: int = 0, world: int = 1) -> list[Sample]:
        """A rank's samples of a step; those of all ranks are the same for any number of them."""
        part = seeds.part(size, rank, world)
        rows = range(part.start, part.stop)
        later = step + max(1, _AHEAD // max(1, len(rows)))
        for row in rows:
            self._announce(later * size + row)
        return [self.sample(step * size + row) for row in rows]

    def _announce(self, k: int) -> None:
        """The episode of a later sample, once."""
        which, draw = self._mixed.at(k)
        index, _ = self._orders[which].at(draw)
        self._announced.get((which, index), lambda: self.parts[which].source.announce(index))

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
                return self._make(which, index, frame, k)
            except BrokenData as error:
                self.skips[which].add(f"episode {index}", error)
        name = self.parts[which].source.name
        raise WorkerError("DATA_BROKEN", f"{name}: {_TRIES} frames in a row are broken", exit_code=DATA_ERROR)

    def some_instructions(self, most: int) -> list[str]:
        """Sentences of up to so many episodes, from all datasets alike; each once, in the order of the alphabet."""
        found: set[str] = set()
        for which, part in enumerate(self.parts):
            usable = np.flatnonzero(part.source.lengths)
            step = max(1, len(usable) * len(self.parts) // most)
            for index in map(int, usable[::step]):
                # What is broken is counted where it is learnt from; this is only read by people.
                with suppress(BrokenData):
                    found.update(self._read(which, index).instructions)
        return sorted(found)

    def vectors(self, which: int, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """State ``[T, S]`` and action ``[T, A]`` of an episode, in the mixture's dimensions.

        Raises:
            WorkerError: DATA_BROKEN.
        """
        episode, part = self._read(which, index), self.parts[which]
        return take(episode.state, part.state), take(episode.action, part.action)

    def dimensions(self, which: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which dimensions of state and action a dataset has."""
        part, (state, action) = self.parts[which], self._widths[which]
        return has(part.state, state), has(part.action, action)

    def _make(self, which: int, index: int, frame: int, k: int) -> Sample:
        part, s = self.parts[which], self.settings
        episode = self._read(which, index)
        instruction = episode.instruction(frame)
        if not self._usable(instruction):
            raise broken(episode.path, f"episode {index}: the instruction is too long: {instruction[:80]!r}")
        views = {camera: self._look(which, index, frame, k, camera) for camera in self.cameras}
        ahead = frame + np.arange(s.horizon)
        has_state, has_action = self.dimensions(which)
        return Sample(
            dataset=part.source.name,
            episode=index,
            frame=frame,
            instruction=instruction,
            images={camera: view.image for camera, view in views.items()},
            seen={camera: part.all_cameras()[camera] is not None for camera in self.cameras},
            state=take(episode.state[frame : frame + 1], part.state)[0],
            action=take(episode.action[np.minimum(ahead, len(episode) - 1)], part.action),
            past=ahead >= len(episode),
            has_state=has_state,
            has_action=has_action,
            depth={camera: views[camera].depth for camera in self.depth_cameras},
            confidence={camera: views[camera].confidence for camera in self.depth_cameras},
        )

    def _look(self, which: int, index: int, frame: int, k: int, camera: str) -> _View:
        """What a camera sees."""
        s, theirs = self.settings, self.parts[which].all_cameras()[camera]
        nothing = np.zeros((s.size, s.size), np.float32)
        if theirs is None:
            return _View(np.zeros((s.size, s.size, 3), np.uint8), nothing, nothing)
        episode = self._read(which, index)
        image = self._pictures.get((which, index, theirs), episode.cameras[theirs], frame, self._frames)
        height, width = image.shape[:2]
        change = Change(middle(height, width))
        if s.augmentation.varies:
            rng = np.random.default_rng(seeds.number(s.seed, "augment", k, camera))
            change = draw_change(s.augmentation, height, width, rng)
        seen = change_image(image, change, s.size)
        found = self._depth(which, index, frame, camera, (height, width))
        if found is None:
            return _View(seen, nothing, nothing)
        depth = change_depth(found[0], (height, width), change, s.size) * np.float32(0.001)
        if found[1] is None:
            return _View(seen, depth, np.ones_like(nothing))
        return _View(seen, depth, change_depth(found[1], (height, width), change, s.size) * np.float32(1 / 255))

    def _depth(
        self, which: int, index: int, frame: int, camera: str, size: tuple[int, int]
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint8] | None] | None:
        """Millimetres and confidence, as large as they are, or nothing."""
        if camera not in self._deep(which):
            return None
        episode, labels = self._read(which, index), self.labels[which]
        if labels is not None:
            theirs = self.parts[which].all_cameras()[camera]
            assert theirs is not None
            return labels.at(self._pictures, index, episode, theirs, frame, size)
        name = self.parts[which].all_depth()[camera]
        frames = plausible(episode.depth[name], episode.path, f"episode {index}: {name}: ")
        depth = self._pictures.get((which, index, name), frames, frame, self._frames)
        if problem := view_problem(depth.shape, size):
            raise broken(episode.path, f"episode {index}: {name}: {problem}")
        return depth, None

    def _deep(self, which: int) -> Mapping[str, str]:
        """The mixture's cameras for which a dataset has depth, and its own name of that."""
        part, labels = self.parts[which], self.labels[which]
        if labels is not None:
            cameras = part.all_cameras().items()
            return {ours: theirs for ours, theirs in cameras if theirs is not None and theirs in labels.cameras}
        return part.all_depth() if self.settings.depth == "measured" else {}

    def _open_labels(self, say: Callable[[str], None]) -> list[PseudoDepth | None]:
        s = self.settings
        return [
            PseudoDepth(p.labels, p.source, s.unlabelled_share, s.window, say)
            if s.depth == "labels" and p.labels is not None
            else None
            for p in self.parts
        ]

    def _read(self, which: int, index: int) -> Episode:
        """An episode, if its dimensions are those of its dataset's first."""
        source = self.parts[which].source
        episode = self._episodes.get((which, index), lambda: source.read(index))
        found = (episode.state.shape[1], episode.action.shape[1])
        for name, width, wanted in zip(("state", "action"), found, self._widths[which], strict=True):
            if width != wanted:
                problem = f"episode {index}: {name} has {width} dimensions, those of the first {wanted}"
                raise broken(episode.path, problem)
        return episode

    def _shape_of(self, which: int) -> Shape:
        """Of the first episode that can be read."""
        source = self.parts[which].source
        for index in map(int, np.flatnonzero(source.lengths)):
            try:
                episode = source.read(index)
            except BrokenData as error:
                self.skips[which].add(f"episode {index}", error)
            else:
                return Shape(
                    episode.state.shape[1], episode.action.shape[1], tuple(episode.cameras), tuple(episode.depth)
                )
        raise WorkerError("DATA_BROKEN", f"{source.name}: no episode can be read", exit_code=DATA_ERROR)


@dataclass(frozen=True)
class _View:
    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    confidence: NDArray[np.float32]
