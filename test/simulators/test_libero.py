"""LIBERO for real. Run by hand where it is installed (see worker-images/depthvla/requirements-libero.lock):

npm run test:simulators
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from depthvla.data.episodes import Wanted
from depthvla.data.libero import Libero, write_libero
from depthvla.data.recording import Recording
from depthvla.evaluation.camera import Renderer
from depthvla.evaluation.fit import check_policy
from depthvla.evaluation.rollout import Block, run_block
from depthvla.evaluation.suites import open_suite
from depthvla.evaluation.suites.suite import Suite
from depthvla.model.presets import PRESETS
from random_policy import write_random_policy

TASK = "turn_on_the_stove"
NOTHING = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)


@pytest.fixture(scope="module")
def suite() -> Suite:
    return open_suite("libero-goal")


@pytest.fixture(scope="module")
def world(suite: Suite) -> Iterator[Any]:
    world = suite.make(TASK)
    yield world
    world.close()


def trace(world: Any, initial: int) -> list[bytes]:
    """All that is seen of a short trial, bit for bit."""
    out = [world.reset(initial).encode()]
    rng = np.random.default_rng(initial)
    for _ in range(8):
        world.step(rng.uniform(-1, 1, 7).astype(np.float32))
        out.append(world.observe(64).state.tobytes())
    seen = world.observe(64)
    return [*out, seen.images.tobytes(), seen.depth.tobytes()]


@pytest.mark.parametrize(("name", "limit"), [("spatial", 220), ("object", 280), ("goal", 300), ("10", 520)])
def test_each_suite_has_ten_tasks_and_the_limit_of_the_protocol(name: str, limit: int) -> None:
    suite = open_suite(f"libero-{name}")  # type: ignore[arg-type]
    assert list(suite.limits.values()) == [limit] * 10
    assert suite.initial_states == 50


def test_doing_nothing_solves_nothing_and_leaves_the_hand_where_it_is(world: Any) -> None:
    world.reset(0)
    before = world.observe(224)
    for _ in range(20):
        world.step(NOTHING)
    after = world.observe(224)
    assert (world.steps, world.success) == (20, False)
    assert before.images.shape == after.images.shape == (2, 224, 224, 3)
    assert before.state.shape == (8,)
    np.testing.assert_allclose(after.state, before.state, atol=0.01)


def test_an_initial_state_repeats_itself_bit_for_bit_whatever_came_before(suite: Suite, world: Any) -> None:
    first = trace(world, 3)
    trace(world, 7)
    assert trace(world, 3) == first
    fresh = suite.make(TASK)
    assert trace(fresh, 3) == first
    fresh.close()


def test_the_50_initial_states_differ(suite: Suite, world: Any) -> None:
    assert len({world.reset(initial) for initial in range(suite.initial_states)}) == 50


def test_pictures_are_the_same_way_up_as_those_of_the_training_data(tmp_path: Path, world: Any) -> None:
    world.reset(0)
    seen = world.observe(256)
    # What LIBERO records is what robosuite draws, bottom-up; the writer turns upright pictures into that.
    raw = world._env.sim.render(width=256, height=256, camera_name="agentview")
    one = np.zeros((1, 8), np.float32)
    write_libero(tmp_path, [[Recording(world.instruction, {"agentview_rgb": raw[None, ::-1]}, one, one[:, :7])]])
    with h5py.File(next(tmp_path.iterdir())) as file:
        np.testing.assert_array_equal(file["data/demo_0/obs/agentview_rgb"][0], raw)
    read = Libero(tmp_path, Wanted(cameras=("agentview_rgb",))).read(0).cameras["agentview_rgb"][0]
    np.testing.assert_array_equal(seen.images[0], read)


def test_depth_is_in_metres(world: Any) -> None:
    """Compared with another way of drawing, which also knows left from right. Edges don't count: multisampling mixes
    the depths of both sides there."""
    world.reset(0)
    measured = world.observe(256).depth
    sim = world._env.sim
    for number, camera in enumerate(("agentview", "robot0_eye_in_hand")):
        model = sim.model._model
        renderer = Renderer(model, 256, 256)
        renderer._options.geomgroup[0] = 0
        expected = renderer.draw(model, sim.data._data, camera).depth
        renderer.close()
        good = (expected > 0) & (expected < 3)
        error = np.abs(measured[number] - expected)[good] / expected[good]
        assert np.median(error) < 0.002
        assert np.mean(error > 0.02) < 0.03


def test_a_policy_that_has_learnt_nothing_runs_a_trial(tmp_path: Path, suite: Suite) -> None:
    import torch

    size = replace(PRESETS["tiny"], state=8, actions=7, cameras=2, depth_cameras=2, depth_input="measured")
    check_policy(suite, size)
    torch.manual_seed(0)
    folder = write_random_policy(tmp_path / "policy", size, ("agentview", "eye_in_hand"))
    block = Block(
        policy="trained", folder=folder, device="cpu", precision="fp32", suite="libero-goal", task=TASK, trials=(0, 1),
        decisions=suite.decisions, max_steps=12, show=(1,), clips=tmp_path,
    )  # fmt: skip
    result, again = run_block(block), run_block(block)
    assert [replace(r, wall_s=0) for r in result.records] == [replace(r, wall_s=0) for r in again.records]
    assert [(r.steps, r.reason, r.instruction) for r in result.records] == [
        (12, "out of steps", "turn on the stove")
    ] * 2
    assert "robosuite 1.4.0" in result.records[0].simulator
    assert list(result.clips) == [1]
    assert result.clips[1].stat().st_size > 0
