"""How late the images are against the joint states, by comparing motion in the images with motion of the joints.

Where the robot moves the image changes. The change from image to image is correlated with the keypoints' motion [px]
that the joints imply, over a range of lags; the best lag is refined by a parabola.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from lace.core.geometry import Array
from lace.core.kinematics import Kinematics
from lace.data.recordings.recording import Recording

RANGE_S, STEP_S = 0.5, 0.01
WIDTH_PX = 160
"""Images are compared at this width."""
TRUSTED = 0.7
"""Least correlation of a lag that may be believed; noise alone gives less than 0.4 over 50 images."""
LEAST_IMAGES = 20
LEAST_MOTION_PX = 2.0
"""Spread of the keypoints' motion between images below which there is nothing to compare."""


@dataclass(frozen=True)
class Lag:
    """An estimate; `lag_s` > 0: an image shows what the joints said so much before its stamp."""

    lag_s: float
    correlation: float
    """Of image change and joint motion at that lag, in [-1, 1]; NaN where nothing could be compared."""

    @property
    def trusted(self) -> bool:
        """Whether it may be believed."""
        return self.correlation >= TRUSTED

    def describe(self) -> str:
        """One sentence for reports."""
        if np.isnan(self.correlation):
            return "no lag could be estimated: too few images, or hardly any motion"
        doubt = "" if self.trusted else f", which is less than the {TRUSTED} that it takes to be believed"
        return f"images lag the joint states by {1000 * self.lag_s:.0f} ms (correlation {self.correlation:.2f}{doubt})"


def estimate_lag(recording: Recording, kinematics: Kinematics) -> Lag:
    """The lag of a recording whose joints are in the order of the embodiment."""
    stamps = recording.image_stamps_s
    if len(stamps) < LEAST_IMAGES:
        return Lag(0.0, float("nan"))
    change = _image_change(recording)
    lags = np.arange(-RANGE_S, RANGE_S + STEP_S / 2, STEP_S)
    scores = np.array([_correlation(change, _joint_motion(recording, kinematics, stamps - lag)) for lag in lags])
    if np.isnan(scores).all():
        return Lag(0.0, float("nan"))
    best = int(np.nanargmax(scores))
    return Lag(float(lags[best] + _refined(scores, best) * STEP_S), float(scores[best]))


def _image_change(recording: Recording) -> Array:
    """(n - 1,) mean absolute difference of consecutive images."""
    grey = []
    for i in range(len(recording.image_stamps_s)):
        image = recording.image(i)
        size = (WIDTH_PX, max(1, round(WIDTH_PX * image.shape[0] / image.shape[1])))
        grey.append(cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY))
    frames = np.stack(grey).astype(np.float32)
    return np.abs(np.diff(frames, axis=0)).mean((1, 2))


def _joint_motion(recording: Recording, kinematics: Kinematics, stamps_s: Array) -> Array:
    """(n - 1,) mean motion of the keypoints between stamps [px]; NaN where the joints are not known."""
    q = recording.joints_at(stamps_s)
    present = kinematics.embodiment.present
    points = kinematics.keypoints(kinematics.link_poses(q))[:, present]
    uv, _depth = recording.camera.project(points)
    return np.linalg.norm(np.diff(uv, axis=0), axis=-1).mean(-1)


def _correlation(change: Array, motion: Array) -> float:
    known = np.isfinite(motion)
    if known.sum() < LEAST_IMAGES - 1 or np.ptp(motion[known]) < LEAST_MOTION_PX or np.ptp(change[known]) == 0:
        return float("nan")
    return float(np.corrcoef(change[known], motion[known])[0, 1])


def _refined(scores: Array, best: int) -> float:
    """Where a parabola through the best score and its neighbours peaks, in steps from the best, within half a step."""
    if not 0 < best < len(scores) - 1:
        return 0.0
    left, middle, right = scores[best - 1 : best + 2]
    curve = left - 2 * middle + right
    return float(np.clip((left - right) / (2 * curve), -0.5, 0.5)) if np.isfinite(curve) and curve < 0 else 0.0
