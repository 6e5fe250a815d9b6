import numpy as np
import pytest

from depthvla.evaluation.metaworld import ACTION_REPEAT, MetaWorld
from depthvla.evaluation.placements import DEMOS
from depthvla.evaluation.trials import placement_of
from depthvla.runtime.failure import WorkerError

TASKS = ("button-press-topdown-v3", "drawer-open-v3")


def trace(world: MetaWorld, placement: int) -> list[bytes]:
    """All that can be seen of an episode of the expert, bit for bit."""
    renderer = world.renderer(48, 48)
    world.reset(placement)
    out = [world.initial_state().encode()]
    for step in range(12):
        world.step(world.expert_action())
        out += [world.data.qpos.tobytes(), world.data.qvel.tobytes(), world.state.tobytes()]
        if step % 6 == 0:
            picture = world.look(renderer)
            out += [picture.rgb.tobytes(), picture.depth.tobytes()]
    renderer.close()
    return out


@pytest.mark.parametrize("task", TASKS)
def test_a_placement_repeats_itself_bit_for_bit_whatever_came_before(task: str) -> None:
    used, fresh = MetaWorld(task), MetaWorld(task)
    first = trace(used, 7)
    trace(used, 60)
    assert trace(used, 7) == first
    assert trace(fresh, 7) == first


@pytest.mark.parametrize("task", TASKS)
def test_trials_start_where_no_demonstration_does(task: str) -> None:
    world = MetaWorld(task)
    starts = set()
    for placement in [*range(DEMOS, DEMOS + 60), *(placement_of(trial) for trial in range(60))]:
        world.reset(placement)
        starts.add(world.initial_state())
    assert len(starts) == 120


@pytest.mark.parametrize("task", TASKS)
def test_the_expert_solves_its_task_and_steps_are_counted(task: str) -> None:
    world = MetaWorld(task)
    world.reset(placement_of(0))
    decisions = 0
    while not world.success and world.steps < 200:
        world.step(world.expert_action())
        decisions += 1
    assert world.success
    assert (decisions - 1) * ACTION_REPEAT < world.steps <= decisions * ACTION_REPEAT


def test_the_state_says_nothing_about_object_or_goal() -> None:
    world = MetaWorld("drawer-open-v3")
    states = []
    for placement in (0, 1, 2):
        world.reset(placement)
        states.append(world.state)
    assert states[0].shape == (4,)
    np.testing.assert_array_equal(states[0], states[1])
    np.testing.assert_array_equal(states[0], states[2])


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(WorkerError, match="no task 'drawer-opne-v3'") as caught:
        MetaWorld("drawer-opne-v3")
    assert "drawer-open-v3" in str(caught.value.hint)
