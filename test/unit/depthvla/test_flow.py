import pytest
import torch
from torch.testing import assert_close

from depthvla.model.flow import LATEST, draw_time, encode_time, integrate, interpolate


def test_time_runs_from_noise_to_action() -> None:
    actions, noise = torch.randn(2, 3, 4), torch.randn(2, 5, 3, 4)
    at_start, velocity = interpolate(actions, noise, torch.zeros(2, 5))
    at_end, _ = interpolate(actions, noise, torch.ones(2, 5))
    assert_close(at_start, noise)
    assert_close(at_end, actions[:, None].expand_as(noise))
    assert_close(at_start + velocity, at_end)


def test_ten_euler_steps_along_the_true_velocity_arrive_at_the_action() -> None:
    actions, noise = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    times: list[float] = []

    def velocity(x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        times.append(float(time[0]))
        # The velocity that leads from where x is to the action in the time that is left.
        return (actions - x) / (1.0 - time)[:, None, None]

    assert_close(integrate(velocity, noise), actions)
    assert times == pytest.approx([i / 10 for i in range(10)])


def test_times_are_beta_distributed_with_more_weight_on_noise() -> None:
    time = draw_time((20_000,), torch.Generator().manual_seed(0))
    assert float(time.min()) >= 0
    assert float(time.max()) <= LATEST
    # Mean of s (1 − u) with u ~ Beta(1.5, 1), which is 1.5 / 2.5.
    assert float(time.mean()) == pytest.approx(LATEST * 0.4, abs=0.01)
    assert float(((LATEST - time) / LATEST < 0.5).float().mean()) == pytest.approx(0.5**1.5, abs=0.02)


def test_times_that_the_sampler_asks_for_are_told_apart() -> None:
    codes = encode_time(torch.arange(10) / 10, 16)
    distance = torch.cdist(codes, codes) + torch.eye(10) * 9
    assert float(distance.min()) > 0.1
