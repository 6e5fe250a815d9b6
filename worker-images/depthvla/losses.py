"""The losses of DepthVLA: L = L_si + L_flow. Each comes as a sum (float32) and a count: a batch is cut over ranks and
micro-batches, and only the sums over all of them divided by the counts over all of them don't depend on the cut."""

from __future__ import annotations

import torch
from torch import Tensor


def measured(depth: Tensor, weight: Tensor | None = None) -> Tensor:
    """bool: where a depth in metres was measured. 0, negative, NaN and inf all mean that it was not, and so does a
    weight of 0."""
    good = torch.isfinite(depth) & (depth > 0)
    return good if weight is None else good & (weight > 0)


def silog(log_depth: Tensor, target: Tensor, *, lam: float = 0.5, weight: Tensor | None = None) -> Tensor:
    """Sum over pictures of the scale-invariant log error (Eigen et al. 2014, eq. 4, under a root; L_si of DepthVLA).

    For each picture sqrt(mean d² − λ (mean d)²) with d the difference of log depths. Pictures without a measured
    pixel add nothing and get no gradient; the caller divides by the number of those that have one.

    Args:
        log_depth: predicted, log metres ``[B, H, W]``.
        target: metres ``[B, H, W]``; 0, NaN and inf are not measured.
        lam: 0 is plain log RMSE, 1 ignores scale altogether; 0.5 as in Depth Anything V2.
        weight: ``[B, H, W]`` ≥ 0, how much a pixel counts in the means of its picture (the confidence of a pseudo
            label, say); a picture counts as much as any other, whatever its weights add up to. 0: not measured.
    """
    valid = measured(target, weight)
    # The logarithm of what isn't measured must never be taken: NaN × 0 is NaN, in the gradient too.
    d = torch.where(valid, log_depth.float() - torch.where(valid, target, 1.0).log(), 0.0).flatten(1)
    w = (valid.float() if weight is None else torch.where(valid, weight, 0.0)).flatten(1)
    pixels = valid.flatten(1).any(dim=1)
    n = torch.where(pixels, w.sum(dim=1), 1.0)
    # λ is at most 1, so this is never below 0 but by rounding; the root's slope at 0 is infinite, hence the floor.
    variance = (w * d.square()).sum(dim=1) / n - lam * ((w * d).sum(dim=1) / n).square()
    return torch.where(pixels, (variance.clamp_min(0.0) + 1e-8).sqrt(), 0.0).sum()


def pictures_measured(target: Tensor, weight: Tensor | None = None) -> int:
    """How many pictures of ``[B, H, W]`` have a measured pixel."""
    return int(measured(target, weight).flatten(1).any(dim=1).sum())


def flow(velocity: Tensor, wanted: Tensor, keep: Tensor, has: Tensor) -> Tensor:
    """Sum of squared errors of velocities over what is not padding, averaged over draws and action dimensions.

    Args:
        velocity, wanted: ``[B, K, H, A]``
        keep: bool ``[B, H]``, False where a chunk reaches over the end of its episode. The caller divides by the
            number of True over all ranks.
        has: bool ``[B, A]``, False for a dimension that the dataset doesn't have: nothing is to be learnt there.
    """
    error = torch.where(has[:, None, None], velocity.float() - wanted, 0.0).square().sum(dim=3)
    per_action = error.mean(dim=1) / has.sum(dim=1).clamp_min(1)[:, None]
    return torch.where(keep, per_action, 0.0).sum()
