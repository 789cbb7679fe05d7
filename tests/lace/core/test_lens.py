"""The lens model is OpenCV's, can be undone, and never draws far-off points inside the image."""

import cv2
import numpy as np
import pytest

from lace.core.camera import PinholeCamera
from lace.core.geometry import look_at
from lace.core.lens import distort, undistort

LENSES = [
    (-0.28, 0.09, 0.001, -0.0008, -0.01),
    (0.12, -0.2, 0.0, 0.0, 0.05),
    (0.2, 0.1, 0.0005, 0.001, 0.01, 0.25, 0.12, 0.02),
]
POINTS = np.random.default_rng(0).uniform(-0.6, 0.6, (50, 2))


@pytest.mark.parametrize("coefficients", LENSES)
def test_it_is_opencv_s(coefficients):
    ahead = np.concatenate([POINTS, np.ones((50, 1))], 1)
    theirs, _jacobian = cv2.projectPoints(ahead, np.zeros(3), np.zeros(3), np.eye(3), np.array(coefficients))
    assert np.allclose(distort(POINTS, coefficients), theirs[:, 0], atol=1e-12)


@pytest.mark.parametrize("coefficients", LENSES)
def test_undistort_undoes_distort(coefficients):
    assert np.allclose(undistort(distort(POINTS, coefficients), coefficients), POINTS, atol=1e-6)


def test_points_farther_out_are_drawn_farther_out():
    away = np.linspace(0, 5, 400)
    drawn = distort(np.stack([away, 0 * away], -1), LENSES[0])[:, 0]
    assert np.polyval([-0.01, 0, 0.09, 0, -0.28, 0, 1, 0], 5.0) < 0  # the polynomial itself turns back
    assert (np.diff(drawn) > 0).all()


def test_a_batch_of_cameras_with_lenses_projects_and_unprojects():
    K = np.array([[300.0, 0, 160], [0, 306, 118], [0, 0, 1]])
    T = look_at(np.array([[1.0, 0, 0.5], [0.8, 0.4, 0.6]]), np.zeros(3))
    k = np.array([[*LENSES[0], 0, 0, 0], [*LENSES[1], 0, 0, 0]])
    both = PinholeCamera(np.stack([K, K]), T, 320, 240, k)
    points = np.random.default_rng(1).uniform(-0.2, 0.2, (2, 9, 3))
    uv, depth = both.project(points)
    one = PinholeCamera(K, T[1], 320, 240, k[1])
    assert np.allclose(one.project(points[1])[0], uv[1])
    assert np.allclose(both.unproject(uv, depth), points, atol=1e-6)
