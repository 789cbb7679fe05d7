"""The ChArUco board: what is printed, and where its corners are in an image."""

from dataclasses import dataclass
from functools import cache
from typing import Annotated

import cv2
import numpy as np

from lace.core.geometry import Array
from lace.core.limits import Within


@dataclass(frozen=True)
class BoardSpec:
    """A board as printed; measure the squares after printing."""

    columns: Annotated[int, Within(2, 100)] = 5
    rows: Annotated[int, Within(2, 100)] = 4
    """Squares across and down."""
    square_m: Annotated[float, Within(0, 1, open_low=True)] = 0.035
    """Side of a square [m]."""
    marker_m: Annotated[float, Within(0, 1, open_low=True)] = 0.027
    """Side of a marker [m]."""
    dictionary: str = "DICT_4X4_50"
    """Name in cv2.aruco."""

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height of the whole board [m]."""
        return self.columns * self.square_m, self.rows * self.square_m

    @property
    def corner_count(self) -> int:
        """Inner corners, which are what is found."""
        return (self.columns - 1) * (self.rows - 1)

    @property
    def corners(self) -> Array:
        """(n, 3) inner corners in the board's frame [m]: x right, y down, z into it, from its outer corner."""
        return _corners(self)

    def opencv(self) -> cv2.aruco.CharucoBoard:
        """The same for OpenCV."""
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))
        return cv2.aruco.CharucoBoard((self.columns, self.rows), self.square_m, self.marker_m, dictionary)

    def describe(self) -> str:
        """One line for people and for hashes."""
        return (
            f"ChArUco {self.columns}x{self.rows}, squares {1000 * self.square_m:g} mm, "
            f"markers {1000 * self.marker_m:g} mm, {self.dictionary}"
        )


@cache
def _corners(spec: BoardSpec) -> Array:
    return np.asarray(spec.opencv().getChessboardCorners(), float)


@dataclass(frozen=True)
class Corners:
    """Corners found in one image."""

    ids: np.ndarray
    """(k,) rows of `BoardSpec.corners`."""
    uv: Array
    """(k, 2) [px]; the middle of the first pixel is (0.5, 0.5)."""


def find_corners(image: np.ndarray, spec: BoardSpec) -> Corners | None:
    """Corners of the board in an RGB image (height, width, 3) uint8, to subpixels; None where no marker is read."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    detector = cv2.aruco.CharucoDetector(spec.opencv(), cv2.aruco.CharucoParameters(), parameters)
    uv, ids, _markers, _marker_ids = detector.detectBoard(grey)
    if ids is None or len(ids) == 0:
        return None
    # This detector counts from the outer corner of the first pixel, as we do (a test holds it to that).
    return Corners(np.ravel(ids), uv.reshape(-1, 2).astype(float))
