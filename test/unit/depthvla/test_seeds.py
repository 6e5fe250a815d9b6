import numpy as np
import pytest

from depthvla.runtime import seeds


@pytest.mark.parametrize("world", [1, 2, 3, 5, 8])
def test_ranks_together_take_the_whole_batch_once(world: int) -> None:
    rows = np.arange(13)
    assert np.concatenate([rows[seeds.part(13, r, world)] for r in range(world)]).tolist() == rows.tolist()


def test_seeds_are_the_same_on_every_machine() -> None:
    assert seeds.number(0, "flow", 3) == 6272861482583690881
    assert 0 <= seeds.number("x") < 2**63
