import numpy as np
from numpy.testing import assert_allclose

from depthvla.data.statistics import Both, Spread, Statistics
from depthvla.model.normalisation import Normalisation, from_unit, to_unit

# A dimension that moves, one that never does, and one that does so in less than one frame in fifty.
SPREAD = Spread([9] * 3, [0, 5, -1], [1, 0, 0], [-2, 5, -1], [4, 5, 3], [-1, 5, -1], [3, 5, -1])


def test_the_first_percentile_becomes_minus_one_and_the_last_one_and_back() -> None:
    x = np.array([[-1, 5, -1], [3, 5, -1], [5, 5, -1]], np.float32)
    assert_allclose(to_unit(x, SPREAD), [[-1, 0, 0], [1, 0, 0], [2, 0, 0]])
    assert_allclose(from_unit(to_unit(x, SPREAD), SPREAD), x)


def test_what_hardly_moves_is_not_blown_up() -> None:
    x = np.array([[1, 5.01, 3]], np.float32)
    assert_allclose(to_unit(x, SPREAD), [[0, 0.01, 2]], atol=1e-6)
    assert_allclose(from_unit(to_unit(x, SPREAD), SPREAD), x)


def test_states_and_actions_have_scales_of_their_own_and_one_name() -> None:
    other = Spread([9], [0], [1], [0], [10], [0], [10])
    statistics = Statistics(Both(other, SPREAD), {})
    n = Normalisation(statistics)
    assert_allclose(n.state(np.array([[10.0]], np.float32)), [[1]])
    assert_allclose(n.action_back(n.action(np.array([[0.3, 5, 1]], np.float32))), [[0.3, 5, 1]], atol=1e-6)
    assert n.digest == statistics.digest
