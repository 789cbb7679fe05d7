"""Lens and hand-eye fits recover the camera that drew the corners; poor views are refused with reasons."""

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lace.core.geometry import apply, invert, look_at, transform
from real_bridge.calibration.board import BoardSpec, Corners, find_corners
from real_bridge.calibration.gate import CalibrationRefused, Gate
from real_bridge.calibration.hand_eye import fit_hand_eye
from real_bridge.calibration.lens import Lens, fit_lens
from real_bridge.calibration.views import View, Views
from real_bridge.emulator.board import board_picture

SPEC, WIDTH, HEIGHT = BoardSpec(), 640, 480
K = np.array([[610.0, 0, 325.5], [0, 606.0, 236.25], [0, 0, 1]])
DISTORTION = np.array([0.08, -0.15, 0.001, -0.0015, 0.0])
T_BASE_CAM = look_at([1.0, -0.2, 0.8], [0.4, 0.0, 0.3])
T_LINK_BOARD = transform(Rotation.from_euler("xyz", [3.1, 0.05, 0.1]).as_matrix(), [-0.08, 0.05, 0.06])


def seen(noise_px: float, count: int = 15, turn: float = 0.35, seed: int = 0) -> Views:
    """Views with the board in front of the camera, rotated by up to `turn` [rad] about all axes."""
    rng, views = np.random.default_rng(seed), Views(WIDTH, HEIGHT)
    middle = SPEC.corners.mean(0)
    while len(views.taken) < count:
        R = Rotation.from_rotvec(rng.uniform(-turn, turn, 3) * [1, 1, turn > 0.1]).as_matrix()
        T_cam_board = transform(R, [*rng.uniform(-0.2, 0.2, 2), rng.uniform(0.45, 0.7)])
        T_cam_board[:3, 3] -= R @ middle
        points = apply(T_cam_board, SPEC.corners)
        uv = cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, DISTORTION)[0].reshape(-1, 2)
        inside = ((uv > 0) & (uv < [WIDTH, HEIGHT])).all(1)
        if inside.sum() < 8:
            continue
        T_base_link = T_BASE_CAM @ T_cam_board @ invert(T_LINK_BOARD)
        corners = Corners(np.flatnonzero(inside), uv[inside] + rng.normal(0, noise_px, (inside.sum(), 2)))
        views.offer(View(corners, T_base_link, np.zeros(23), np.zeros((1, 1, 3), np.uint8)))
    return views


def test_corners_are_where_we_count_pixels():
    """In an image of the board, corner (i, j) is on a pixel border: at an integer, not at a half."""
    picture = np.pad(board_picture(SPEC), ((80, 80), (80, 80), (0, 0)), constant_values=200)
    found = find_corners(picture, SPEC)
    expected = SPEC.corners[found.ids][:, :2] / SPEC.square_m * 96 + 80
    assert len(found.ids) == SPEC.corner_count
    np.testing.assert_allclose(found.uv, expected, atol=0.05)


def test_without_noise_the_camera_is_recovered_exactly():
    views = seen(0.0)
    fit = fit_hand_eye(views, SPEC, fit_lens(views, SPEC), free_lens=True)
    np.testing.assert_allclose(fit.lens.K, K, atol=0.05)
    np.testing.assert_allclose(fit.lens.distortion, DISTORTION, atol=5e-3)
    np.testing.assert_allclose(fit.T_base_cam, T_BASE_CAM, atol=2e-4)
    np.testing.assert_allclose(fit.T_link_board, T_LINK_BOARD, atol=2e-4)
    assert fit.rms_px < 0.01


def test_with_noise_the_stated_uncertainty_covers_the_error():
    gaps, focal, told = [], [], []
    for seed in range(3):
        views = seen(0.4, seed=seed)
        fit = fit_hand_eye(views, SPEC, fit_lens(views, SPEC), free_lens=True)
        gaps.append(1000 * (fit.T_base_cam[:3, 3] - T_BASE_CAM[:3, 3]))
        focal.append(fit.lens.K[0, 0] - K[0, 0])
        told.append((fit.std_mm, fit.focal_std_px))
        assert 0.4 < fit.rms_px < 0.7, "0.4 px in each of two coordinates"
        Gate().require(views, fit)
    std_mm, focal_std = np.mean(told, 0)
    assert np.abs(gaps).max() < 4 * std_mm
    assert 0.25 < np.std(focal) / focal_std < 4


@pytest.mark.parametrize(
    ("views", "words"),
    [
        (lambda: seen(0.3, count=6), "6 views"),
        (lambda: seen(0.3, turn=0.02, count=5), "one axis"),
        (lambda: seen(4.0), "disagree by"),
    ],
    ids=["few", "not turned", "noisy"],
)
def test_poor_views_are_refused_with_the_reason(views, words):
    views = views()
    with pytest.raises(CalibrationRefused, match=words):
        Gate().require(views, fit_hand_eye(views, SPEC, Lens(K, tuple(DISTORTION))))


def test_a_wrong_square_size_is_detected():
    views = seen(0.05)
    wrong = BoardSpec(square_m=SPEC.square_m * 1.03, marker_m=SPEC.marker_m * 1.03)
    lens = Lens(K, tuple(DISTORTION))
    assert fit_hand_eye(views, wrong, lens).rms_px > 3 * fit_hand_eye(views, SPEC, lens).rms_px


def test_views_that_add_nothing_are_not_taken():
    views = seen(0.1, count=4)
    again = views.taken[0]
    assert "like a view" in views.offer(again)
    few = View(
        Corners(again.corners.ids[:3], again.corners.uv[:3]), again.T_base_link, again.joint_positions, again.image
    )
    assert "3 corners" in views.offer(few)
    assert len(views.taken) == 4
