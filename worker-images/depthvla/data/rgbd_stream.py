"""Pictures with depth of several datasets as one endless row of samples, as `mixture` is one of demonstrations.

Sample `k` is a function of the seed and of `k` alone. Memory is the scenes that are open, one a lane, and decoded
frames up to a limit.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from depthvla.data.augment import PLAIN, Augmentation, View, augment
from depthvla.data.broken import BrokenData, broken
from depthvla.data.frame_skips import FrameSkips
from depthvla.data.frames import RgbdFrame, Scene, SceneRef, Split
from depthvla.data.kept import Kept
from depthvla.data.reading import check_frame
from depthvla.data.rgbd_order import Pick, SceneOrder
from depthvla.runtime import seeds
from depthvla.runtime.failure import CONFIG, DATA_ERROR, WorkerError

_TRIES = 100
MIRRORED = Augmentation(mirror=0.5)
"""Without crops: who isn't told the focal length can't know that a picture was enlarged, and depth is in metres."""


@dataclass(frozen=True)
class RgbdPart:
    """A dataset in the stream.

    Attributes:
        name: for messages.
        folder, scenes: where it is, and its scenes of both splits.
        weight: its share of the samples, relative to the others'.
    """

    name: str
    folder: Path
    scenes: Sequence[SceneRef]
    weight: float

    def of(self, split: Split) -> list[SceneRef]:
        return [scene for scene in self.scenes if scene.split == split]


@dataclass(frozen=True)
class RgbdSample:
    """A frame at the model's size, and where it is from."""

    dataset: str
    source: str
    view: View


@dataclass(frozen=True)
class RgbdSettings:
    """
    Attributes:
        size: height and width.
        lanes: scenes that are open side by side. As many as a batch, or a part of it that all ranks share evenly:
            then each rank opens scenes of its own.
        visit: frames that are taken of a scene before the next.
        bad_share: of the frames, and of the scenes, that may be broken.
        augmentation: how frames are varied.
        keep_bytes: of decoded frames that are kept in memory; data that fits is decoded once.
        threads: that read a batch.
    """

    seed: int = 0
    size: int = 224
    lanes: int = 32
    visit: int = 16
    bad_share: float = 0.01
    augmentation: Augmentation = MIRRORED
    keep_bytes: int = 256 << 20
    threads: int = 2


class RgbdStream:
    """See the top of this module.

    Batches are cheapest one after the other (some files can only be read forward); to read ahead, `Prefetch` with one
    thread: rows of a batch are read side by side.

    Args:
        say: is told of what is left out.

    Raises:
        WorkerError: DATA_EMPTY without scenes to train on; MIXTURE_INVALID for weights.
    """

    def __init__(
        self, parts: Sequence[RgbdPart], settings: RgbdSettings, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.settings = settings
        self.parts = list(parts)
        self._training = [part.of("train") for part in parts]
        for part, scenes in zip(parts, self._training, strict=True):
            if not scenes:
                raise WorkerError("DATA_EMPTY", f"{part.name}: no scenes to train on", exit_code=DATA_ERROR)
        s = settings
        try:
            counts = list(map(len, self._training))
            self._order = SceneOrder(counts, [part.weight for part in parts], s.lanes, s.visit, s.seed)
        except ValueError as error:
            raise WorkerError("MIXTURE_INVALID", str(error), exit_code=CONFIG) from error
        self.skips = [FrameSkips(part.name, len(part.scenes), s.bad_share, say) for part in parts]
        self._open: dict[int, tuple[int, _Opened | None]] = {}
        self._kept: Kept[RgbdFrame] = Kept(s.keep_bytes)
        self._threads = ThreadPoolExecutor(s.threads, thread_name_prefix="frames")

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides which sample has which number, as far as can be known without reading."""
        s = self.settings
        what = {
            "settings": [s.seed, s.lanes, s.visit],
            "parts": [
                [part.name, part.weight, [scene.path.relative_to(part.folder).as_posix() for scene in scenes]]
                for part, scenes in zip(self.parts, self._training, strict=True)
            ],
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    def batch(self, step: int, size: int, rank: int = 0, world: int = 1) -> list[RgbdSample]:
        """A rank's samples of a step; those of all ranks are the same for any number of them."""
        rows = seeds.part(size, rank, world)
        return list(self._threads.map(self.sample, range(step * size + rows.start, step * size + rows.stop)))

    def sample(self, k: int) -> RgbdSample:
        """The `k`-th sample. In the place of a broken one another of its dataset, again decided by `k`.

        Raises:
            WorkerError: DATA_BROKEN.
        """
        s = self.settings
        for attempt in range(_TRIES):
            pick = self._order.instead(k, attempt) if attempt else self._order.at(k)
            scene, skips = self._training[pick.part][pick.scene], self.skips[pick.part]
            frame = self._read(pick, scene, skips)
            if frame is not None:
                view = augment(frame, s.augmentation, s.size, np.random.default_rng(seeds.number(s.seed, "augment", k)))
                return RgbdSample(self.parts[pick.part].name, frame.source, view)
        raise WorkerError("DATA_BROKEN", f"{_TRIES} frames in a row are broken", exit_code=DATA_ERROR)

    def some(self, split: Split, most: int) -> Iterator[RgbdSample]:
        """Frames of a split, unvaried: about as many of each scene, evenly spread over it.

        Args:
            most: how many at most. Of more scenes than that, some are left out.

        Raises:
            WorkerError: DATA_BROKEN.
        """
        scenes = [(part, scene) for part, of in enumerate(self.parts) for scene in of.of(split)]
        chosen = [scenes[i] for i in _spread(len(scenes), most)]
        for part, scene in chosen:
            skips = self.skips[part]
            opened = _open(scene, skips)
            if opened is None:
                continue
            for index in _spread(len(opened.scene), most // len(chosen)):
                frame = self._load(opened, index, skips)
                if frame is not None:
                    view = augment(frame, PLAIN, self.settings.size, np.random.default_rng(0))
                    yield RgbdSample(self.parts[part].name, frame.source, view)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    def _read(self, pick: Pick, scene: SceneRef, skips: FrameSkips) -> RgbdFrame | None:
        """The frame, or nothing where it is broken, which is then counted."""
        if str(scene.path) in skips.broken_scenes:
            return None
        visit, opened = self._open.get(pick.lane, (-1, None))
        if opened is None or visit != pick.visit:
            # A lane's scene is its own: another lane that visits the same one would send its cursor back and forth.
            opened = _open(scene, skips)
            if opened is None:
                return None
            self._open[pick.lane] = (pick.visit, opened)
        return self._load(opened, int(pick.at * len(opened.scene)), skips)

    def _load(self, opened: _Opened, index: int, skips: FrameSkips) -> RgbdFrame | None:
        """A frame of a scene, decoded once if it fits."""
        frame = self._kept.find((opened.path, index))
        if frame is not None:
            skips.good()
            return frame
        frame = _load(opened, index, skips)
        if frame is not None:
            self._kept.keep((opened.path, index), frame, frame.image.nbytes + frame.depth.nbytes)
        return frame


@dataclass
class _Opened:
    """A scene that one thread reads from at a time."""

    path: Path
    scene: Scene
    lock: threading.Lock = field(default_factory=threading.Lock)


def _open(scene: SceneRef, skips: FrameSkips) -> _Opened | None:
    try:
        opened = scene.open()
        if not len(opened):
            raise broken(scene.path, "no frames in it")
    except BrokenData as error:
        skips.add_scene(str(scene.path), error)
        return None
    return _Opened(scene.path, opened)


def _load(opened: _Opened, index: int, skips: FrameSkips) -> RgbdFrame | None:
    try:
        with opened.lock:
            frame = opened.scene.load(index)
        # Against its own size: which frame of a scene is read first depends on where training began.
        check_frame(frame, frame.image.shape)
    except BrokenData as error:
        skips.add_frame(f"{opened.path} {index}", error)
        return None
    skips.good()
    return replace(frame, pose=None, mask=None)


def _spread(count: int, most: int) -> list[int]:
    """Evenly spread numbers below `count`, all of them if they are few enough."""
    taken = min(count, max(1, most))
    return [i * count // taken for i in range(taken)]
