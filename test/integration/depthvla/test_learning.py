"""What is learnt, on data small enough to be learnt in seconds: not that code runs, but that it teaches."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from depthvla.labels.score import absrel, best_constant
from depthvla.losses import flow, silog
from depthvla.model.config import EncoderConfig, ExpertConfig, ModelConfig, TextConfig
from depthvla.model.depthvla import DepthVLA
from depthvla.model.flow import draw_time, interpolate
from depthvla.model.observation import Observation

SMALL = ModelConfig(
    image=32, layers=3, heads=4, head_dim=16,
    vlm=ExpertConfig(64, 128), action=ExpertConfig(64, 128), depth=ExpertConfig(64, 128),
    vision=EncoderConfig(8, 64), depth_vision=EncoderConfig(8, 64),
    text=TextConfig(vocabulary=32, length=4), state=3, actions=2, horizon=4,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def scenes(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A square somewhere before a wall: how bright each is says how far away it is.

    Returns:
        uint8 ``[N, 32, 32, 3]`` and metres ``[N, 32, 32]``.
    """
    rng = np.random.default_rng(seed)
    depth = np.repeat(rng.uniform(1.5, 4.0, (count, 1, 1)), 32, axis=1).repeat(32, axis=2)
    for picture, near in zip(depth, rng.uniform(0.4, 1.2, count), strict=True):
        y, x = rng.integers(2, 18, 2)
        picture[y : y + 12, x : x + 12] = near
    grey = 120 / depth**0.7 + rng.normal(0, 3, depth.shape)
    images = np.clip(grey, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=3)
    return torch.from_numpy(images), torch.from_numpy(depth.astype(np.float32))


def moments(images: torch.Tensor) -> Observation:
    n = len(images)
    return Observation(images[:, None], torch.randint(1, 32, (n, 4)), torch.randn(n, SMALL.state))


def fit(
    model: DepthVLA, o: Observation, actions: torch.Tensor, depth: torch.Tensor, *, steps: int, weight: float
) -> None:
    """Both losses on the same batch again and again, `weight` for the depth loss."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-3)
    keep, has = torch.ones(actions.shape[:2], dtype=torch.bool), torch.ones(len(actions), SMALL.actions).bool()
    random = torch.Generator().manual_seed(1)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - 0.9 * step / steps)
        time = draw_time((len(actions), 4), random)
        noise = torch.randn(len(actions), 4, *actions.shape[1:], generator=random)
        noisy, wanted = interpolate(actions, noise, time)
        prefix = model.prefix(o)
        loss = flow(model.velocity(prefix, noisy, time), wanted, keep, has) / keep.sum()
        if prefix.log_depth is not None:
            loss = loss + weight * silog(prefix.log_depth, depth) / len(depth)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def test_a_tiny_model_learns_eight_samples_by_heart() -> None:
    model = DepthVLA(SMALL)
    images, depth = scenes(8, seed=0)
    o, actions = moments(images), torch.rand(8, SMALL.horizon, SMALL.actions) * 2 - 1
    fit(model, o, actions, depth, steps=400, weight=1.0)
    with torch.no_grad():
        said = model.act(o, torch.randn(8, SMALL.horizon, SMALL.actions))
        seen = model.prefix(o).log_depth
    assert seen is not None
    assert (said - actions).abs().mean() < 0.1
    assert absrel(seen.exp().numpy(), depth.numpy()) < 0.1


@pytest.fixture(scope="module")
def held_out() -> dict[float, tuple[float, float]]:
    """By the weight of the depth loss: AbsRel on pictures never seen, and that of the best constant."""
    found = {}
    for weight in (1.0, 0.0):
        torch.manual_seed(0)
        images, depth = scenes(64, seed=0)
        model = DepthVLA(SMALL)
        assert model.depth
        model.depth.start_at(float(depth.log().mean()))
        actions = torch.rand(64, SMALL.horizon, SMALL.actions) * 2 - 1
        fit(model, moments(images), actions, depth, steps=120, weight=weight)
        others, truth = scenes(32, seed=1)
        with torch.no_grad():
            told = model.look(others).exp().numpy()
        constant = np.full_like(truth.numpy(), best_constant(depth.numpy()))
        found[weight] = absrel(told, truth.numpy()), absrel(constant, truth.numpy())
    return found


def test_the_depth_loss_teaches_depth_of_pictures_never_seen(held_out: dict[float, tuple[float, float]]) -> None:
    reached, constant = held_out[1.0]
    assert reached < 0.5 * constant


def test_without_the_depth_loss_nothing_is_learnt_of_depth(held_out: dict[float, tuple[float, float]]) -> None:
    (without, constant), (reached, _) = held_out[0.0], held_out[1.0]
    assert without > 0.9 * constant
    assert reached < 0.5 * without
