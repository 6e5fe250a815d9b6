from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from depthvla.data.order import PERIOD, FrameOrder, MixedOrder

LENGTHS = np.array([5, 0, 3, 7, 1, 4], np.int64)


def test_an_epoch_has_every_frame_once_and_epochs_differ() -> None:
    order = FrameOrder(LENGTHS, 2, 0)
    epochs = [[order.at(epoch * 20 + i) for i in range(20)] for epoch in range(3)]
    for epoch in epochs:
        assert sorted(epoch) == [(e, f) for e, n in enumerate(LENGTHS) for f in range(n)]
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_draw_depends_on_nothing_that_was_drawn_before() -> None:
    forwards, backwards = FrameOrder(LENGTHS, 2, 7), FrameOrder(LENGTHS, 2, 7)
    wanted = [forwards.at(i) for i in range(60)]
    assert [backwards.at(i) for i in reversed(range(60))] == wanted[::-1]
    assert [FrameOrder(LENGTHS, 2, 8).at(i) for i in range(60)] != wanted


def test_only_a_window_of_episodes_is_open_at_a_time() -> None:
    order = FrameOrder(np.full(40, 10, np.int64), 4, 0)
    windows = [[order.at(w * 40 + i)[0] for i in range(40)] for w in range(10)]
    for window in windows:
        assert Counter(window) == dict.fromkeys(set(window), 10)
        assert len(set(window)) == 4
    # Within a window frames are shuffled, not episode after episode.
    assert len(set(windows[0][:10])) > 1


def test_datasets_have_their_shares_in_every_period_and_their_draws_are_numbered() -> None:
    mixed = MixedOrder([3, 1, 1.5], 0)
    assert_array_equal(mixed.shares, [5455, 1818, 2727])
    seen: list[list[int]] = [[], [], []]
    for draw in range(2 * PERIOD):
        dataset, number = mixed.at(draw)
        seen[dataset].append(number)
    for share, numbers in zip(mixed.shares, seen, strict=True):
        assert numbers == list(range(2 * share))


@pytest.mark.parametrize("weights", [[], [1, 0], [1, -1], [1, float("nan")], [1, 1e-6]])
def test_weights_that_make_no_sense_are_an_error(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights are"):
        MixedOrder(weights, 0)
