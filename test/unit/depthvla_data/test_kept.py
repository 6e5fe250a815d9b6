from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from depthvla.data.broken import BrokenData
from depthvla.data.episodes import LazyFrames
from depthvla.data.kept import Pictures, Recent


class Camera:
    """Pictures of 100 bytes, each with its number; counts how often they are decoded."""

    def __init__(self, length: int, broken: int | None = None) -> None:
        self.decoded: list[int] = []
        self.broken = broken
        self.frames = LazyFrames(length, self._load)

    def _load(self, i: int) -> np.ndarray:
        self.decoded.append(i)
        if i == self.broken:
            raise BrokenData(Path("video"), f"frame {i}")
        return np.full((10, 10), i, np.uint8)


def test_what_fits_is_decoded_once_and_in_order() -> None:
    camera, pictures = Camera(5), Pictures(500)
    for index in (3, 0, 4, 3, 1, 2):
        assert_array_equal(pictures.get("a", camera.frames, index, of=5), np.full((10, 10), index))
    assert camera.decoded == [3, 0, 1, 2, 4]
    assert pictures.kept.bytes == 500
    with pytest.raises(ValueError, match="read-only"):
        pictures.get("a", camera.frames, 0, of=5)[:] = 1


def test_what_does_not_fit_is_decoded_when_it_is_asked_for_and_memory_stays_within_the_limit() -> None:
    camera, pictures = Camera(9), Pictures(320)
    for _ in range(2):
        for index in range(9):
            assert_array_equal(pictures.get("a", camera.frames, index, of=9), np.full((10, 10), index))
    # The first three stay, whatever comes after.
    assert camera.decoded == [*range(9), *range(3, 9)]
    assert pictures.kept.bytes == 300


def test_nothing_is_kept_without_room_for_it() -> None:
    camera, pictures = Camera(2), Pictures(0)
    assert [int(pictures.get("a", camera.frames, 1, of=2)[0, 0]) for _ in range(2)] == [1, 1]
    assert (camera.decoded, pictures.kept.bytes) == ([1, 1], 0)


def test_a_broken_picture_is_told_to_who_asks_for_it_and_nobody_else() -> None:
    camera, pictures = Camera(3, broken=1), Pictures(300)
    assert [int(pictures.get("a", camera.frames, i, of=3)[0, 0]) for i in (0, 2)] == [0, 2]
    for _ in range(2):
        with pytest.raises(BrokenData, match="frame 1"):
            pictures.get("a", camera.frames, 1, of=3)


def test_the_last_so_many_are_kept() -> None:
    read: list[int] = []
    recent: Recent[int] = Recent(2)
    for key in (1, 2, 1, 3, 1, 2):
        assert recent.get(key, lambda key=key: read.append(key) or key) == key  # type: ignore[func-returns-value, misc]
    assert read == [1, 2, 3, 2]
