# Work must be importable by name in a fresh process, which a test module is not: hence functions from libraries.
import math
import signal
from functools import partial
from pathlib import Path

import pytest

from depthvla.data.spread import spread
from depthvla.data.truth import load_truth
from depthvla.runtime.failure import WorkerError


@pytest.mark.parametrize("processes", [1, 2])
def test_every_item_is_done_once(processes: int) -> None:
    assert sorted(spread(math.factorial, [3, 1, 4], processes)) == [(0, 6), (1, 1), (2, 24)]


def test_nothing_to_do_is_nothing_done() -> None:
    assert list(spread(math.factorial, [], 2)) == []


def test_a_refusal_keeps_its_code_and_exit_code_on_its_way(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="no such file") as caught:
        list(spread(partial(load_truth, size=8), [tmp_path], 1))
    assert (caught.value.code, caught.value.exit_code) == ("DATA_BROKEN", 65)


def test_a_mistake_in_the_work_is_raised_as_it_is() -> None:
    with pytest.raises(ValueError, match="negative"):
        list(spread(math.factorial, [-1], 1))


def test_a_process_that_is_killed_is_an_error_and_not_a_wait_for_ever() -> None:
    with pytest.raises(WorkerError, match="killed"):
        list(spread(signal.raise_signal, [signal.SIGKILL, signal.SIGKILL], 2))
