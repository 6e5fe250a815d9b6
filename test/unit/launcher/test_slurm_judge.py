"""Which nodes are blamed for what."""

import pytest

from launcher.slurm.judge import NodeError, missing, refuse, skewed, unreachable

NAMES = ["n1", "n2", "n3", "n10"]


def test_all_nodes_with_trouble_are_named_in_one_sentence() -> None:
    refuse(NAMES, {})
    with pytest.raises(NodeError) as error:
        refuse(NAMES, {3: "has no disk", 1: "has 7 GPUs for it, not 8"})
    assert str(error.value) == "the check before the start: n2 has 7 GPUs for it, not 8; n10 has no disk"
    assert (error.value.code, error.value.nodes) == ("NODE_BAD", ["n2", "n10"])


@pytest.mark.parametrize(
    ("arrived", "complaints", "blamed"),
    [
        ({0, 1, 2, 3}, [], set()),
        ({0, 1}, [], {2, 3}),
        # The first to end badly made srun end the others.
        ({0}, ["srun: error: n2: task 1: Exited with exit code 3", "srun: error: n3: task 2: Terminated"], {1}),
        ({1, 2}, ["srun: error: Task launch for StepId=1.0 failed on node n10: Communication timeout"], {3}),
        ({0, 1, 2}, ["srun: error: n1: task 0: Terminated"], {3}),
    ],
)
def test_of_nodes_that_say_nothing_those_are_blamed_that_srun_names_first(
    arrived: set[int], complaints: list[str], blamed: set[int]
) -> None:
    assert set(missing(NAMES, arrived, complaints, 60)) == blamed


def test_where_no_node_says_anything_none_is_blamed() -> None:
    with pytest.raises(NodeError) as error:
        missing(NAMES, set(), ["srun: Job step creation temporarily disabled, retrying (Requested nodes are busy)"], 60)
    assert (error.value.nodes, "none of 4 nodes answered within 60 s: srun: Job step" in str(error.value)) == ([], True)


@pytest.mark.parametrize(
    ("its", "arrived", "said"),
    [
        (1004.0, 1000.5, None),
        (1000.0, 1060.0, None),  # its answer was under way for a minute
        (1009.0, 1000.5, "has a clock that is 8 s ahead"),
        (990.0, 1060.0, "has a clock that is 10 s behind"),
    ],
)
def test_a_clock_is_wrong_only_if_no_delay_explains_it(its: float, arrived: float, said: str | None) -> None:
    assert skewed(1000.0, {0: (its, arrived)}, 5).get(0) == said


@pytest.mark.parametrize(
    ("pairs", "blamed"),
    [
        (set(), {}),
        ({(0, 1), (2, 1), (3, 1), (1, 0), (1, 2), (1, 3)}, {1: {0, 2, 3}}),
        ({(0, 1), (3, 1)}, {1: {0, 3}}),
        ({(0, 1)}, {0: {1}, 1: {0}}),
        ({(0, 1), (2, 1), (3, 1), (0, 3), (2, 3)}, {1: {0, 2, 3}, 3: {0, 1, 2}}),
    ],
)
def test_the_fewest_nodes_explain_who_does_not_reach_whom(
    pairs: set[tuple[int, int]], blamed: dict[int, set[int]]
) -> None:
    assert unreachable(pairs) == blamed
