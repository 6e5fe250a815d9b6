import math

import numpy as np
import pytest
import torch

from depthvla.losses import flow, pictures_measured, silog


def by_hand(log_depth: np.ndarray, target: np.ndarray, lam: float) -> float:
    """The formula as it is printed, a picture at a time, in double precision."""
    out = 0.0
    for p, t in zip(log_depth.astype(np.float64), target.astype(np.float64), strict=True):
        good = np.isfinite(t) & (t > 0)
        if good.any():
            d = p[good] - np.log(t[good])
            out += math.sqrt((d**2).mean() - lam * d.mean() ** 2 + 1e-8)
    return out


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
def test_silog_is_the_printed_formula(lam: float) -> None:
    rng = np.random.default_rng(0)
    pred = rng.normal(size=(5, 7, 6)).astype(np.float32)
    target = rng.uniform(0.2, 9, size=(5, 7, 6)).astype(np.float32)
    target[0, 0, :3] = 0, np.nan, np.inf
    target[1] = 0
    target[2, 1] = -1
    made = silog(torch.from_numpy(pred), torch.from_numpy(target), lam=lam)
    assert made.item() == pytest.approx(by_hand(pred, target, lam), rel=1e-5)
    assert pictures_measured(torch.from_numpy(target)) == 4


def test_silog_ignores_scale_when_lambda_is_one() -> None:
    target = torch.rand(3, 8, 8) + 0.5
    pred = torch.randn(3, 8, 8)
    assert silog(pred + 1.7, target, lam=1.0).item() == pytest.approx(silog(pred, target, lam=1.0).item(), rel=1e-5)


def test_silog_has_finite_gradients_for_holes_for_empty_and_for_perfect_pictures() -> None:
    target = torch.rand(3, 4, 4) + 0.5
    target[0, 0] = torch.tensor([0.0, math.nan, math.inf, -1.0])
    target[1] = 0
    pred = torch.where(target > 0, target, 1.0).log().nan_to_num(0.0, 0.0, 0.0).requires_grad_()
    silog(pred, target).backward()
    assert pred.grad is not None
    assert torch.isfinite(pred.grad).all()
    assert pred.grad[1].abs().sum() == 0
    assert pred.grad[0, 0].abs().sum() == 0


def test_a_batch_cut_over_ranks_has_the_same_sums() -> None:
    pred, target = torch.randn(6, 4, 4), torch.rand(6, 4, 4) + 0.1
    target[3] = 0
    parts = sum(silog(pred[i : i + 2], target[i : i + 2]) for i in range(0, 6, 2))
    assert silog(pred, target).item() == pytest.approx(float(parts), rel=1e-6)


def test_flow_counts_only_what_is_not_padding() -> None:
    made, wanted = torch.zeros(2, 3, 4, 5), torch.ones(2, 3, 4, 5)
    wanted[1, :, 2:] = 100
    keep = torch.tensor([[True] * 4, [True, True, False, False]])
    every = torch.ones(2, 5, dtype=torch.bool)
    assert flow(made, wanted, keep, every).item() == 6.0


def test_flow_has_nothing_to_say_about_dimensions_that_a_dataset_lacks() -> None:
    made, wanted = torch.randn(2, 3, 4, 5, requires_grad=True), torch.randn(2, 3, 4, 5)
    keep, has = torch.ones(2, 4, dtype=torch.bool), torch.ones(2, 5, dtype=torch.bool)
    has[1, 3:] = False
    told = flow(made, wanted, keep, has)
    own = (made[0] - wanted[0]).square().mean(dim=(0, 2)).sum() + (made[1] - wanted[1])[..., :3].square().mean(
        dim=(0, 2)
    ).sum()
    assert told.item() == pytest.approx(own.item(), rel=1e-5)
    told.backward()
    assert made.grad is not None
    assert not made.grad[1, ..., 3:].any()
    assert made.grad[1, ..., :3].all()


def test_a_pixel_that_counts_twice_counts_as_two_would() -> None:
    log_depth, target = torch.randn(2, 3, 4), torch.rand(2, 3, 4) + 0.5
    weight = torch.ones(2, 3, 4)
    weight[0, 0, 1], weight[1, 2, 2] = 2.0, 0.0
    doubled = [torch.cat((x[0].flatten(), x[0, 0, 1:2])) for x in (log_depth, target)]
    dropped = [torch.cat((x[1].flatten()[:10], x[1].flatten()[11:])) for x in (log_depth, target)]
    expected = sum(float(silog(a[None, None], b[None, None])) for a, b in (doubled, dropped))
    assert float(silog(log_depth, target, weight=weight)) == pytest.approx(expected, rel=1e-5)
    assert float(silog(log_depth, target, weight=5 * weight)) == pytest.approx(expected, rel=1e-5)


def test_a_picture_whose_weights_are_all_zero_is_not_measured() -> None:
    log_depth = torch.randn(2, 3, 4, requires_grad=True)
    weight = torch.stack((torch.zeros(3, 4), torch.ones(3, 4)))
    silog(log_depth, torch.ones(2, 3, 4), weight=weight).backward()
    assert log_depth.grad is not None
    assert not log_depth.grad[0].any()
    assert log_depth.grad[1].any()
    assert pictures_measured(torch.ones(2, 3, 4), weight) == 1
