"""How sharp the hand in an image is, by how much of its detail another blur would take away."""

import cv2
import numpy as np

SIZE_PX = 96
"""A larger hand is shrunk to this, so that the measure is of blur as a share of the hand; a smaller one stays."""
MARGIN = 1.1
"""Side of the square looked at over the hand's longer side."""
NOISE_PX = 0.8
"""Standard deviation of the smoothing that comes first, so that grain does not count as detail."""
MOTION_PX = 9
"""Length of the blur that is tried along each axis."""
MIN_SHARPNESS = 0.33
"""Below it a frame is called blurred. Measured on 80 of our human frames with motion blur in all directions: without
blur 0.42 or more in 98 % of them; a blur of 6 % of the hand leaves 92 % above the limit, 10 % half, 25 % a tenth."""


def hand_sharpness(image: np.ndarray, box: np.ndarray) -> float:
    """Share of the fine detail that a blur along the smoother axis takes away, in [0, 1]; low where it is blurred.

    After Crete et al. 2007, "The blur effect", on the square around the hand alone.

    Args:
        image: RGB (height, width, 3) uint8.
        box: xyxy [px] (4,) around the hand.
    """
    centre, half = (box[:2] + box[2:]) / 2, max(float((box[2:] - box[:2]).max()) / 2 * MARGIN, 1.0)
    x0, y0 = np.maximum(np.floor(centre - half), 0).astype(int)
    x1, y1 = np.maximum(np.ceil(centre + half), 0).astype(int)
    grey = image[y0:y1, x0:x1]
    if min(grey.shape[:2]) < 2:
        return 0.0
    grey = cv2.cvtColor(grey, cv2.COLOR_RGB2GRAY).astype(np.float32)
    ratio = SIZE_PX / max(grey.shape)
    if ratio < 1:
        grey = cv2.resize(grey, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(grey, (0, 0), NOISE_PX)
    return min(_share_lost(grey, axis) for axis in (0, 1))


def _share_lost(grey: np.ndarray, axis: int) -> float:
    blurred = cv2.blur(grey, (1, MOTION_PX) if axis == 0 else (MOTION_PX, 1))
    before, after = (np.abs(np.diff(picture, axis=axis)) for picture in (grey, blurred))
    return float(np.maximum(before - after, 0).sum() / max(before.sum(), 1e-6))
