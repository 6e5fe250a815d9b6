"""Episodes of RLDS in TFDS' TFRecords, read without TensorFlow.

::

    <name>/<version>/dataset_info.json    shards, and the records in each
                     features.json        names, shapes and types
                     <name>-train.tfrecord-00000-of-00002

A record is one episode: ``steps/…`` features have the values of all steps one after the other, pictures as JPEG or PNG.
"""

from __future__ import annotations

import hashlib
import mmap
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from depthvla.data.broken import BrokenData, broken
from depthvla.data.depth_of_camera import wanted_depth
from depthvla.data.episodes import Episode, LazyFrames, P, Wanted, part_of
from depthvla.data.files import decode_millimetres, decode_picture
from depthvla.data.tf_example import Buffer, Feature, parse_example
from depthvla.data.tfds import FEATURES, TfdsFeature, find_shards, find_version, read_features
from depthvla.data.tfrecord import Span, find_records, read_bytes, read_record
from depthvla.data.transforms import prepare, usable
from depthvla.runtime.config import Json
from depthvla.streams.path import StreamedPath, announce, remember

_SEEN = "steps/observation"
_INSTRUCTION = "steps/language_instruction"
_READER = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
"""What another version of this module has found out is found out anew."""


@dataclass(frozen=True)
class _Place:
    path: Path
    span: Span
    length: int


@dataclass(frozen=True)
class _Shard:
    """Offset, bytes and steps of each record of a file; how many are left out, and why; what is wrong with the file."""

    places: list[tuple[int, int, int]]
    left_out: dict[str, int]
    faults: list[str]


class Rlds:
    """A split of a dataset.

    Args:
        folder: the one of a version, or the one above it where there is only one version.
        wanted: usually every picture, ``observation/state`` and ``action``.
        name: of the dataset, for messages.
        verify: whether the checksum of each record is compared when it is read.

    Attributes:
        left_out: episodes that are as they should be, but can't be used, by the reason: no instruction, no picture
            of a wanted camera. Their length is 0.
        faults: what is wrong with whole files, in the order of the files.

    Raises:
        WorkerError: DATA_BROKEN, naming the file and the field.
    """

    def __init__(
        self,
        folder: Path,
        wanted: Wanted | None = None,
        name: str | None = None,
        *,
        split: str = "train",
        verify: bool = True,
    ) -> None:
        self.name = name or folder.name
        self.folder = find_version(folder)
        self.features = read_features(self.folder)
        self.depths = tuple(
            name.removeprefix(f"{_SEEN}/")
            for name, feature in self.features.items()
            if name.startswith(f"{_SEEN}/") and feature.kind == "image" and feature.dtype == "uint16"
        )
        self.wanted = self._complete(wanted or Wanted())
        self.cameras = self.wanted.cameras or ()
        self.verify = verify
        self.left_out: Counter[str] = Counter()
        self.faults: list[BrokenData] = []
        self._places: list[_Place] = []
        for path, records in find_shards(self.folder, split):
            question = f"{_READER} {records} {self.wanted}"
            found = remember(path, question, partial(self._index, path, records))
            shard = _Shard(**cast("dict[str, Any]", found))
            self.left_out.update(shard.left_out)
            self.faults += [broken(path, fault) for fault in shard.faults]
            self._places += [_Place(path, Span(offset, size), steps) for offset, size, steps in shard.places]
        self.lengths = np.array([p.length for p in self._places], np.int64)

    state_names = None
    action_names = None

    def announce(self, index: int) -> None:
        """See `EpisodeSource`."""
        place = self._places[index]
        announce(place.path, place.span.offset, place.span.offset + place.span.length)

    def read(self, index: int) -> Episode:
        """See `EpisodeSource`."""
        place = self._places[index]
        try:
            record = read_record(place.path, place.span, verify=self.verify)
            episode = self._episode(place, index, parse_example(record))
        except (ValueError, KeyError) as error:
            raise broken(place.path, f"episode {index}: {error}") from error
        return prepare(episode, self.wanted)

    def _episode(self, place: _Place, index: int, features: dict[str, Feature]) -> Episode:
        def vectors(names: list[str]) -> NDArray[np.float32]:
            parts = []
            for name in names:
                values, width = _numbers(_get(features, name), self.features[name]), self.features[name].width
                if len(values) % width:
                    raise ValueError(f"{name} has {len(values)} numbers, which are no rows of {width}")
                parts.append(values.reshape(-1, width))
            if len({len(part) for part in parts}) > 1:
                rows = ", ".join(f"{n} {len(p)}" for n, p in zip(names, parts, strict=True))
                raise ValueError(f"different numbers of rows: {rows}")
            return np.concatenate(parts, axis=1)

        said = _get(features, _INSTRUCTION).texts()
        sentences = list(dict.fromkeys(said))
        return Episode(
            path=place.path,
            number=index,
            instructions=[part_of(sentence, self.wanted.instruction_part) for sentence in sentences],
            task=np.array([sentences.index(sentence) for sentence in said], np.int32),
            state=vectors(self._state),
            action=vectors(self._action),
            cameras={
                c: self._frames(place, index, _get(features, f"{_SEEN}/{c}"), c, decode_picture) for c in self.cameras
            },
            depth={
                c: self._frames(place, index, _get(features, f"{_SEEN}/{c}"), c, decode_millimetres) for c in self.depth
            },
        )

    def _frames(
        self, place: _Place, index: int, feature: Feature, camera: str, decode: Callable[[bytes, Path, str], NDArray[P]]
    ) -> LazyFrames[P]:
        places = feature.places()

        def load(i: int) -> NDArray[P]:
            a, b = places[i]
            data = read_bytes(place.path, place.span.offset + a, b - a)
            return decode(data, place.path, f"episode {index}: {camera}, step {i}: ")

        return LazyFrames(len(places), load)

    def _complete(self, wanted: Wanted) -> Wanted:
        """With the usual names filled in, all of which `features.json` must have."""
        colour = tuple(
            name.removeprefix(f"{_SEEN}/")
            for name, feature in self.features.items()
            if name.startswith(f"{_SEEN}/") and feature.kind == "image" and feature.shape[-1:] == (3,)
        )
        full = replace(
            wanted,
            cameras=colour if wanted.cameras is None else wanted.cameras,
            state=wanted.state or ("state",),
            action=wanted.action or ("action",),
        )
        self.depth = wanted_depth(full.depth, full.cameras or (), self.depths)
        self._state = [f"{_SEEN}/{name}" for name in full.state or ()]
        self._action = [f"steps/{name}" for name in full.action or ()]
        pictures = [f"{_SEEN}/{name}" for name in (*(full.cameras or ()), *self.depth)]
        for name in (*self._state, *self._action, *pictures, _INSTRUCTION):
            if name not in self.features:
                raise broken(self.folder / FEATURES, f"no feature {name}; there are {', '.join(sorted(self.features))}")
        for name in (*self._state, *self._action):
            if self.features[name].kind != "tensor" or not self.features[name].width:
                raise broken(self.folder / FEATURES, f"{name} is {self.features[name]}, expected numbers")
        return full

    def _index(self, path: Path, records: int) -> Json:
        """What a file holds, as the fields of a `_Shard`."""
        announce(path)
        spans, fault = find_records(path)
        if fault is None and len(spans) != records:
            fault = f"{len(spans)} records, but dataset_info.json says {records}"
        shard = _Shard([], {}, [] if fault is None else [fault])
        if not spans:
            return asdict(shard)
        with _mapped(path) as buffer:
            for number, span in enumerate(spans):
                try:
                    length, reason = self._length(parse_example(buffer, span.offset, span.offset + span.length))
                except (ValueError, KeyError) as error:
                    shard.faults.append(f"record {number}: {error}")
                    length, reason = 0, None
                if reason is not None:
                    shard.left_out[reason] = shard.left_out.get(reason, 0) + 1
                shard.places.append((span.offset, span.length, length))
        return asdict(shard)

    def _length(self, features: dict[str, Feature]) -> tuple[int, str | None]:
        """Steps that can be used, without reading more of the record than its features' headers; why there are none."""
        flags = {"has_language": "no instruction"}
        flags |= {f"has_{c}": f"no {c}" for c in self.cameras}
        for flag, reason in flags.items():
            value = features.get(f"episode_metadata/{flag}")
            if value is not None and not value.ints().any():
                return 0, reason
        name = self._action[0]
        feature = _get(features, name)
        whole = feature.count_floats() if self.features[name].dtype.startswith("float") else len(feature.ints())
        if not whole:
            raise ValueError(f"{name} is empty")
        steps = usable(whole // self.features[name].width, self.wanted)
        return steps, None if steps else "too few frames"


@contextmanager
def _mapped(path: Path) -> Iterator[Buffer]:
    """The bytes of a file, of which only those that are looked at are read, where they are on a disk."""
    with path.open("rb") as file:
        if isinstance(path, StreamedPath):
            yield file.read()
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            yield buffer


def _get(features: dict[str, Feature], name: str) -> Feature:
    if name not in features:
        raise ValueError(f"no feature {name}")
    return features[name]


def _numbers(feature: Feature, like: TfdsFeature) -> NDArray[np.float32]:
    values = feature.floats() if like.dtype.startswith(("float", "bfloat")) else feature.ints()
    return np.asarray(values, np.float32)
