import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from depthvla.model.config import ModelConfig
from depthvla.model.depthvla import DepthVLA
from depthvla.model.files import save_model
from depthvla.model.policy import BATCH, Policy, Running
from depthvla.model.presets import PRESETS
from depthvla.runtime.failure import WorkerError

WORDS = ["open the drawer", "press the button"]
Seen = tuple[NDArray[np.uint8], NDArray[np.float32], list[str], list[int]]


@pytest.fixture
def small() -> ModelConfig:
    """The tiny preset's shapes: which bits come out depends on them."""
    return dataclasses.replace(PRESETS["tiny"], layers=2)


@pytest.fixture
def folder(export: Callable[..., Path], small: ModelConfig) -> Path:
    return export(small)


def seen(c: ModelConfig, n: int) -> Seen:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (n, c.image, c.image, 3), dtype=np.uint8)
    state = rng.normal(size=(n, c.state)).astype(np.float32)
    return images, state, [WORDS[i % 2] for i in range(n)], list(range(100, 100 + n))


def pick(s: Seen, rows: list[int]) -> Seen:
    return s[0][rows], s[1][rows], [s[2][r] for r in rows], [s[3][r] for r in rows]


def test_actions_do_not_depend_on_what_else_is_in_the_batch(folder: Path, small: ModelConfig) -> None:
    policy, every = Policy.load(folder), seen(small, 2 * BATCH + 3)
    together = policy.act(*every)
    assert together.shape == (2 * BATCH + 3, small.horizon, small.actions)
    order = np.random.default_rng(2).permutation(len(together)).tolist()
    assert_array_equal(policy.act(*pick(every, order)), together[order])
    assert_array_equal(policy.act(*pick(every, [4])), together[[4]])
    depth = policy.predict_depth(every[0])
    alone = policy.predict_depth(every[0][4:5])
    assert depth is not None
    assert alone is not None
    assert_array_equal(alone, depth[4:5])


def test_noise_comes_from_the_seed_alone(folder: Path, small: ModelConfig) -> None:
    policy, one = Policy.load(folder), seen(small, 1)
    first = policy.act(*one)
    torch.rand(7)
    assert_array_equal(policy.act(*one), first)
    assert np.abs(policy.act(one[0], one[1], one[2], [7]) - first).max() > 1e-3


def test_actions_are_in_the_units_of_the_data_and_not_cut(folder: Path, small: ModelConfig) -> None:
    policy = Policy.load(folder)
    actions = policy.act(*seen(small, 16))
    assert actions.dtype == np.float32
    # Their spread in the data is 1.2 at the 99th percentile, and more or less random noise comes out.
    assert 1.2 < np.abs(actions).max() < 12


def test_the_untrained_policy_has_the_same_shape_and_other_weights(folder: Path, small: ModelConfig) -> None:
    trained, untrained = Policy.load(folder), Policy.untrained(folder)
    assert untrained.stats == trained.stats
    assert untrained.digest != trained.digest
    assert_array_equal(untrained.act(*seen(small, 2)), Policy.untrained(folder).act(*seen(small, 2)))
    assert np.abs(untrained.act(*seen(small, 2)) - trained.act(*seen(small, 2))).max() > 1e-3


def test_a_blind_policy_sees_black(export: Callable[..., Path], small: ModelConfig) -> None:
    images, *rest = seen(small, 2)
    blind = Policy.load(export(small, blind=True))
    assert_array_equal(blind.act(images, *rest), blind.act(np.zeros_like(images), *rest))


def test_a_folder_of_another_kind_is_refused(folder: Path, small: ModelConfig) -> None:
    save_model(folder, "depth-expert", small, {})
    with pytest.raises(WorkerError, match="holds a depth-expert"):
        Policy.load(folder)


def test_the_tiny_preset_is_tiny() -> None:
    assert 1.5e6 < sum(p.numel() for p in DepthVLA(PRESETS["tiny"]).parameters()) < 2.5e6


def test_a_picture_that_is_not_there_changes_nothing(export: Callable[..., Path], small: ModelConfig) -> None:
    two = dataclasses.replace(small, cameras=2)
    policy = Policy.load(export(two, cameras=("front", "wrist")), Running(rows=2))
    images, *rest = seen(two, 2)
    front = np.array([[True, False]] * 2)
    one, other = (np.stack([images, wrist], axis=1) for wrist in (images, np.zeros_like(images)))
    assert_array_equal(policy.act(one, *rest, present=front), policy.act(other, *rest, present=front))
    assert np.abs(policy.act(one, *rest) - policy.act(other, *rest)).max() > 1e-4


def test_bfloat16_gives_nearly_the_same_actions(export: Callable[..., Path], small: ModelConfig) -> None:
    folder = export(small)
    exact = Policy.load(folder).act(*seen(small, 3))
    rough = Policy.load(folder, Running(precision="bfloat16", rows=1)).act(*seen(small, 3))
    assert 0 < np.abs(rough - exact).max() < 0.1 * np.abs(exact).max()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": np.zeros((2, 8, 8, 3), np.uint8)}, r"images: has shape \[2, 1, 8, 8, 3\], expected \[2, 1, 96"),
        ({"images": np.zeros((2, 96, 96, 3), np.float32)}, "images: is float32, expected uint8"),
        ({"state": np.zeros((2, 5), np.float32)}, r"state: has shape \[2, 5\], expected \[2, 4\]"),
        ({"state": np.full((2, 4), np.nan, np.float32)}, "state: dimension 0 of row 0 is nan"),
        ({"instructions": ["word " * 13] * 2}, "has 13 tokens, at most 12 fit"),
    ],
)
def test_what_it_can_not_have_been_trained_on_is_refused(
    folder: Path, small: ModelConfig, change: dict[str, Any], said: str
) -> None:
    images, state, instructions, seed = seen(small, 2)
    given = {"images": images, "state": state, "instructions": instructions, "seed": seed, **change}
    with pytest.raises(WorkerError, match=said):
        Policy.load(folder).act(**given)


def test_an_answer_that_is_no_number_is_not_given(folder: Path, small: ModelConfig) -> None:
    policy = Policy.load(folder)
    policy.model.action.velocity.bias = torch.nn.Parameter(torch.full((small.actions,), np.nan))
    with pytest.raises(WorkerError, match="NaN or infinity"):
        policy.act(*seen(small, 1))
