"""Metrics and alignment against values worked out by hand."""

import numpy as np
import pytest

from depthvla.labels.alignment import fit_robustly, to_depth
from depthvla.labels.metrics import Aligned, Scores, results

TRUTH = [1.0, 2.0, 4.0, 8.0]
NONE = float("nan")


def picture(values: list[float]) -> np.ndarray:
    return np.array(values, np.float32).reshape(1, 1, -1)


# Predicted, true, aligned how; AbsRel, RMSE, how many are within 1.25, its square and its cube.
# fmt: off
BY_HAND: list[tuple[list[float], list[float], Aligned, float, float | None, tuple[int, ...]]] = [
    # |p - t|/t = 0, 1/2, 0, 1/4: mean 3/16; squares 0, 1, 0, 4: root of 5/4. Ratios 1, 1.5, 1, 1.25: not < 1.25.
    ([1, 3, 4, 10], TRUTH, "none", 3 / 16, 1.25**0.5, (2, 4, 4)),
    # Twice too far everywhere: 1.25³ = 1.953 < 2.
    ([2, 4, 8, 16], TRUTH, "none", 1.0, (85 / 4) ** 0.5, (0, 0, 0)),
    ([2, 4, 8, 16], TRUTH, "median", 0.0, 0.0, (4, 4, 4)),
    # Medians 3 and 4.5: p becomes 4/3, 4/3, 14/3, 14/3.
    ([2, 2, 7, 7], TRUTH, "median", (1 / 3 + 1 / 3 + 1 / 6 + 5 / 12) / 4, 109**0.5 / 6, (1, 3, 4)),
    # 1/p = 1/t + 1: scale 1, shift -1 of inverse depth.
    ([1 / 2, 2 / 3, 4 / 5, 8 / 9], TRUTH, "affine", 0.0, 0.0, (4, 4, 4)),
    # What either lacks doesn't count.
    ([1, 0, NONE, 9, 5], [1, 2, 4, 8, 0], "none", 1 / 16, 0.5**0.5, (2, 2, 2)),
    # The same everywhere has no scale: the mean of 1/t = 15/32 it is. |p - t|/t = 17/15, 1/15, 7/15, 11/15.
    ([3, 3, 3, 3], TRUTH, "affine", (17 + 1 + 7 + 11) / 15 / 4, None, (1, 1, 2)),
]
# fmt: on


@pytest.mark.parametrize(("pred", "truth", "aligned", "absrel", "rmse", "within"), BY_HAND)
def test_scores_are_those_worked_out_by_hand(
    pred: list[float], truth: list[float], aligned: Aligned, absrel: float, rmse: float | None, within: tuple[int, ...]
) -> None:
    scores = Scores(aligned)
    scores.add(picture(pred), picture(truth))
    assert scores.absrel == pytest.approx(absrel, abs=1e-6)
    assert rmse is None or scores.rmse == pytest.approx(rmse, abs=1e-5)
    assert tuple(scores.within) == within


def test_means_are_over_pictures_and_counts_over_pixels_and_a_picture_without_depth_is_none() -> None:
    scores = Scores()
    scores.add(picture([2, 4]), picture([1, 4]))
    scores.add(picture([1, 1]), picture([0, NONE]))
    scores.add(picture([3, 0]), picture([3, 3]))
    assert (scores.pictures, scores.pixels, scores.within) == (2, 3, [2, 2, 2])
    assert scores.absrel == pytest.approx((0.5 + 0) / 2)
    assert results({"none": scores, "median": Scores("median")}) == {
        "label.absrel": scores.absrel,
        "label.rmse": scores.rmse,
        "label.within_25_percent": {"k": 2, "n": 3},
        "label.delta2": {"k": 2, "n": 3},
        "label.delta3": {"k": 2, "n": 3},
    }


def maps(scale: float = 0.4, shift: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    relative = rng.uniform(0, 5, (4, 20, 30)).astype(np.float32)
    return relative, to_depth((scale * relative + shift).astype(np.float32), 1e6)


def test_scale_and_shift_are_found_though_a_third_of_the_pixels_lies() -> None:
    relative, depth = maps()
    rng = np.random.default_rng(1)
    depth *= rng.normal(1, 0.01, depth.shape).astype(np.float32)
    wrong = rng.random(depth.shape) < 0.33
    # All on one side, and worst where they have most leverage.
    depth[wrong] = np.where(relative[wrong] > 4, 60, depth[wrong] * 6).astype(np.float32)
    found = fit_robustly(relative, depth)
    assert found.problem is None
    assert (found.scale, found.shift) == pytest.approx((0.4, 0.1), abs=0.01)
    assert found.inliers < 0.75


def test_pixels_that_only_one_map_has_are_left_out_and_the_fit_is_the_same_each_time() -> None:
    relative, depth = maps(2, 0.5)
    relative[0, 0], depth[1, 3:9] = np.nan, 0
    found = fit_robustly(relative, depth)
    assert (found.scale, found.shift, found.inliers) == pytest.approx((2, 0.5, 1), abs=1e-4)
    assert fit_robustly(relative, depth) == found


@pytest.mark.parametrize(("relative", "depth", "problem"), [
    (np.full((1, 20, 20), 3.0), np.full((1, 20, 20), 2.0), "flat"),
    (np.ones((1, 20, 20)), np.zeros((1, 20, 20)), "only 0 pixels"),
    (np.linspace(0, 1, 400).reshape(1, 20, 20), np.linspace(1, 3, 400).reshape(1, 20, 20), "other way round"),
])  # fmt: skip
def test_a_clip_that_cannot_be_aligned_says_why(relative: np.ndarray, depth: np.ndarray, problem: str) -> None:
    found = fit_robustly(relative.astype(np.float32), depth.astype(np.float32))
    assert problem in str(found.problem)
