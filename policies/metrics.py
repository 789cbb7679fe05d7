"""Pose and localisation metrics of the paper (sec. 5.2, app. A), frame by frame.

Every rate of a table is a mean over frames with an interval that resamples demonstrations: frames of one demonstration
are correlated, so resampling frames would give intervals that are too narrow.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lace.core.draws import generator
from lace.core.errors import InvalidValueError
from lace.core.geometry import Array
from lace.measure.bootstrap import Interval, image_weights, ratio

PCK_SHARE, AUC_LIMIT = 0.2, 0.5
"""PCK@0.2 and AUC@0.5: shares of the hand's size, which is the longer side of the box around wrist and fingertips. The
paper names the two numbers and no normaliser."""
POSE_METRICS = ("epe_px", "pck@0.2", "auc@0.5")
POINT_METRICS = ("emb", "obj", "both", "l1")


def pose_metrics(predicted: Array, truth: Array, size_px: Array) -> dict[str, Array]:
    """Per frame and keypoint (n, k): end point error [px], whether it is within PCK_SHARE, area under the PCK curve.

    Args:
        predicted: (n, k, 2) [px].
        truth: (n, k, 2) [px], NaN where there is none, which stays NaN.
        size_px: (n,) what shares are taken of [px].
    """
    error = np.linalg.norm(predicted - truth, axis=-1)
    share, known = error / size_px[:, None], np.isfinite(error)
    # The PCK of one point over thresholds t is 1 for t >= its share, so its area up to the limit is exact.
    area = np.clip(1 - share / AUC_LIMIT, 0, 1)
    within = np.where(known, share <= PCK_SHARE, np.nan)
    return {"epe_px": error, "pck@0.2": within, "auc@0.5": area}


def point_metrics(predicted: Array, boxes: Array, size_px: float) -> dict[str, Array]:
    """Per frame (n,): hits of the embodiment's box, the target's and both, and the mean L1 distance to their middles.

    Args:
        predicted: (n, 2, 2) end effector and target [px].
        boxes: (n, 2, 4) xyxy [px] of the embodiment and the target.
        size_px: Side of the image [px]: L1 is the mean absolute coordinate difference as a share of it.
    """
    inside = (predicted >= boxes[..., :2]).all(-1) & (predicted <= boxes[..., 2:]).all(-1)
    middles = (boxes[..., :2] + boxes[..., 2:]) / 2
    emb, obj = inside.astype(float).T
    return {"emb": emb, "obj": obj, "both": emb * obj, "l1": np.abs(predicted - middles).mean((1, 2)) / size_px}


def summarise(values: Mapping[str, Array], episodes: Sequence[str], seed: int = 0) -> dict[str, Interval]:
    """Means over what is known with 95 % intervals over demonstrations.

    Args:
        values: By name, per frame (n,) or per frame and keypoint (n, k); NaN is left out, and is the mean of nothing.
        episodes: Demonstration of each frame (n,).
        seed: Of the resampling.
    """
    names, of_frame = np.unique(np.asarray(episodes), return_inverse=True)
    if not len(names):
        raise InvalidValueError("summarising predictions", "no frames", "at least one frame", "check the test set")
    weights = image_weights(len(names), generator(seed))
    found = {}
    for name, value in values.items():
        rows = np.asarray(value, float).reshape(len(of_frame), -1)
        known = np.isfinite(rows)
        total = np.bincount(of_frame, np.where(known, rows, 0).sum(1), len(names))
        count = np.bincount(of_frame, known.sum(1), len(names))
        if not count.sum():
            found[name] = Interval(np.nan, np.nan, np.nan)
            continue
        found[name] = ratio(total.sum(), count.sum(), weights @ total, weights @ count)
    return found
