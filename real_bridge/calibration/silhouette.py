"""Refines the camera's pose, or the hand's joint zeros, by aligning the drawn outline of the robot with the seen one.

The images are segmented without a learned model: the median over several robot poses is the background, and the robot
is what differs from it. The drawn robot is treated the same way: pixels that most poses cover count as background.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from lace.core.camera import PinholeCamera
from lace.core.errors import InvalidValueError
from lace.core.geometry import Array, BoolArray, transform
from real_bridge.calibration.model_over_image import RobotModel

LEAST_IMAGES = 5
LEAST_AREA = 5e-4
"""Smaller spots are noise, as a share of the image."""
DIFFERENT = 18
"""Grey levels by which a pixel of the robot differs from the scene behind it."""
SHADOW, SAME_HUE = (0.55, 0.98), 0.012
"""A pixel whose brightness falls by these factors and whose colour stays is a shadow."""
FARTHEST_PX = 20.0
"""Larger distances are clipped to this, so that shadows and moved objects have little influence [px]."""
STEP_RAD, STEP_M = 2e-3, 2e-3
"""For the numeric derivative: outlines move by about a pixel."""


@dataclass(frozen=True)
class SegmentedView:
    """One image of the robot."""

    joint_positions: Array
    mask: BoolArray
    """(height, width) bool: where the robot is seen."""


@dataclass(frozen=True)
class Refined:
    """A refined camera, and how far outlines were apart before and after."""

    camera: PinholeCamera
    before_px: float
    after_px: float


def segmented(images: Sequence[np.ndarray]) -> list[BoolArray]:
    """Masks (height, width) bool of what moved between images (height, width, 3) uint8 of a fixed camera.

    Raises:
        InvalidValueError: Too few images for a median to be the scene without the robot.
    """
    if len(images) < LEAST_IMAGES:
        raise InvalidValueError(
            "segmenting the robot", f"{len(images)} images", f"at least {LEAST_IMAGES} of different poses", "take more"
        )
    stack = np.stack([cv2.GaussianBlur(image, (0, 0), 1.0) for image in images]).astype(np.int16)
    scene = np.median(stack, axis=0)
    masks = []
    for image in stack:
        differs = np.abs(image - scene).max(-1) > DIFFERENT
        moved = (differs & ~_shadow(image.astype(float), scene)).astype(np.uint8)
        closed = cv2.morphologyEx(moved, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        _count, parts, stats, _centres = cv2.connectedComponentsWithStats(closed)
        large = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= LEAST_AREA * closed.size)
        masks.append(np.isin(parts, large[large > 0]))
    return masks


def _shadow(image: Array, scene: Array) -> BoolArray:
    """(height, width) bool."""
    light, behind = image.sum(-1) + 1, scene.sum(-1) + 1
    hue = np.abs(image / light[..., None] - scene / behind[..., None]).max(-1)
    ratio = light / behind
    return (ratio > SHADOW[0]) & (ratio < SHADOW[1]) & (hue < SAME_HUE)


def drawn_moving(model: RobotModel, camera: PinholeCamera, joints: Sequence[Array]) -> list[BoolArray]:
    """Masks (height, width) bool of the drawn robot, less what most poses cover, as `segmented` sees it."""
    masks = np.stack([model.silhouette(q, camera) for q in joints])
    return list(masks ^ (masks.mean(0) > 0.5))


def refine_camera(model: RobotModel, camera: PinholeCamera, sights: Sequence[SegmentedView]) -> Refined:
    """The camera moved so that outlines agree best; outlines are compared both ways."""
    fields = [_distance(sight.mask) for sight in sights]

    def moved(x: Array) -> PinholeCamera:
        change = transform(Rotation.from_rotvec(x[:3]).as_matrix(), x[3:])
        return replace(camera, T_world_cam=camera.T_world_cam @ change)

    def cost(x: Array) -> Array:
        drawn = drawn_moving(model, moved(x), [sight.joint_positions for sight in sights])
        return np.concatenate([_gap(d, s.mask, f) for d, s, f in zip(drawn, sights, fields, strict=True)])

    steps = np.array([STEP_RAD] * 3 + [STEP_M] * 3)
    start = cost(np.zeros(6))
    fit = least_squares(
        lambda y: cost(y * steps), np.zeros(6), max_nfev=12, jac=_jacobian(cost, steps), loss="soft_l1", f_scale=2.0
    )
    after = cost(fit.x * steps)
    better = np.sqrt((after**2).mean()) < np.sqrt((start**2).mean())
    chosen = fit.x * steps if better else np.zeros(6)
    rms = [float(np.sqrt((c**2).mean())) for c in (start, after if better else start)]
    return Refined(moved(chosen), *rms)


def _jacobian(cost, steps: Array):
    """Central differences over steps that move an outline by about a pixel: it is drawn in pixels."""

    def jacobian(y: Array) -> Array:
        columns = []
        for i in range(len(steps)):
            ahead, behind = y.copy(), y.copy()
            ahead[i] += 1
            behind[i] -= 1
            columns.append((cost(ahead * steps) - cost(behind * steps)) / 2)
        return np.stack(columns, 1)

    return jacobian


def _distance(mask: np.ndarray) -> np.ndarray:
    """(height, width) distance of each pixel to the mask's outline, signed: negative inside [px]."""
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.clip(outside - inside, -FARTHEST_PX, FARTHEST_PX)


BINS = 24


def _gap(drawn: np.ndarray, seen: np.ndarray, field: np.ndarray) -> Array:
    """(2 BINS,) mean signed distance along parts of the drawn outline to the seen one, and the other way round."""
    return np.concatenate([_along(drawn, field), -_along(seen, _distance(drawn))])


def _along(mask: np.ndarray, field: np.ndarray) -> Array:
    """(BINS,) mean of `field` on the mask's outline, by direction from the image's middle: parts keep their sign."""
    edge = mask & ~cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    edge[[0, -1]] = edge[:, [0, -1]] = False  # the image's edge is no outline
    v, u = np.nonzero(edge)
    out = np.zeros(BINS)
    if not len(v):
        return out + FARTHEST_PX
    turn = np.arctan2(v - mask.shape[0] / 2, u - mask.shape[1] / 2)
    which = ((turn + np.pi) / (2 * np.pi) * BINS).astype(int) % BINS
    count = np.bincount(which, minlength=BINS)
    sums = np.bincount(which, weights=field[v, u], minlength=BINS)
    return np.divide(sums, count, out=out, where=count > 0)
