"""Trivial predictors: EPE, PCK and part accuracy without any features; shown in every table."""

import torch
from torch import Tensor

from lace.backbones.described import Described

NAMES = ("random patch", "image centre", "mean training keypoint", "random visible keypoint")


def mean_keypoints(keypoints: Tensor, visible: Tensor) -> Tensor:
    """Mean position of each keypoint where visible (k, 2) [px]; where never visible, the mean of all.

    Args:
        keypoints: Training keypoints (n, k, 2) [px].
        visible: (n, k) bool.
    """
    weight = visible[..., None].float()
    total, count = (keypoints.nan_to_num() * weight).sum(0), weight.sum(0)
    overall = total.sum(0) / count.sum().clamp(min=1)
    return torch.where(count > 0, total / count.clamp(min=1), overall)


def trivial(target: Described, train_mean: Tensor, pck: float = 0.1) -> dict[str, dict[str, float]]:
    """Expected metrics of each trivial predictor over the visible keypoints of `target`; exact expectations.

    Part accuracy of a predicted point: the nearest of the target's visible keypoints (in px) is the right one.

    Args:
        target: Images to predict for; their features are not used.
        train_mean: Mean training keypoints (k, 2) [px] of the target's embodiment.
        pck: As in `pair_sums`.
    """
    n, k = target.visible.shape
    rows, cols = target.grid
    size = torch.tensor([cols, rows]) * float(target.patch)
    points = target.keypoints.nan_to_num()
    guesses = {
        "random patch": target.centres.expand(n, -1, -1),
        "image centre": (size / 2).expand(n, 1, 2),
        "random visible keypoint": points,
    }
    table = {}
    for name, guess in guesses.items():
        weight = target.visible if name == "random visible keypoint" else torch.ones(guess.shape[:2], dtype=torch.bool)
        weight = (weight / weight.sum(1, keepdim=True).clamp(min=1))[:, None].expand(-1, k, -1)
        table[name] = _scores(target, guess, weight, pck)
    own = torch.eye(k).expand(n, -1, -1)
    table["mean training keypoint"] = _scores(target, train_mean.expand(n, -1, -1), own, pck)
    return {name: table[name] for name in NAMES}


def _scores(target: Described, guess: Tensor, weight: Tensor, pck: float) -> dict[str, float]:
    """Means over visible keypoints for guesses (n, g, 2) [px], guess g being predicted for keypoint k by weight."""
    points = target.keypoints.nan_to_num()
    distance = torch.cdist(points, guess)  # (n, k, g)
    hidden = ~target.visible[..., None]
    nearest = distance.masked_fill(hidden, torch.inf)
    first = (nearest <= nearest.amin(1, keepdim=True) + 1e-4).float().masked_fill(hidden, 0)
    part = first / first.sum(1, keepdim=True).clamp(min=1)
    limit_px = pck * max(target.grid) * target.patch
    seen = target.visible
    mean = lambda value: float((value * weight).sum(-1)[seen].mean())  # noqa: E731
    epe = mean(distance)
    return {
        "epe_px": epe,
        "epe_patches": epe / target.patch,
        "pck": mean((distance <= limit_px).float()),
        "part_accuracy": mean(part),
    }


def chance(target: Described) -> float:
    """Part accuracy of predicting any of the target's visible keypoints: mean over keypoints of 1 / visible."""
    count = target.visible.sum(1, keepdim=True).clamp(min=1)
    return float((1.0 / count).expand_as(target.visible)[target.visible].mean())
