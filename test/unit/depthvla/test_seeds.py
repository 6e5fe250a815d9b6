import numpy as np
import pytest

from depthvla.runtime import seeds


def test_an_epoch_shows_every_item_once_and_the_next_in_another_order() -> None:
    shown = np.concatenate([seeds.batch(0, step, 4, 10) for step in range(5)])
    assert sorted(shown[:10]) == sorted(shown[10:]) == list(range(10))
    assert shown[:10].tolist() != shown[10:].tolist()


def test_a_batch_is_a_function_of_seed_and_step_alone() -> None:
    late = seeds.batch(7, 123, 8, 50)
    assert late.tolist() == seeds.batch(7, 123, 8, 50).tolist()
    assert late.tolist() != seeds.batch(8, 123, 8, 50).tolist()


def test_a_batch_may_be_larger_than_the_data() -> None:
    assert np.bincount(seeds.batch(0, 0, 25, 10)).max() <= 3


@pytest.mark.parametrize("world", [1, 2, 3, 5, 8])
def test_ranks_together_take_the_whole_batch_once(world: int) -> None:
    rows = np.arange(13)
    assert np.concatenate([rows[seeds.part(13, r, world)] for r in range(world)]).tolist() == rows.tolist()


def test_seeds_are_the_same_on_every_machine() -> None:
    assert seeds.number(0, "flow", 3) == 6272861482583690881
    assert 0 <= seeds.number("x") < 2**63
