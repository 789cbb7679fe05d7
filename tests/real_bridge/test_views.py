"""A frame as the policy sees it: with the calibrated place, and only with the lens that was calibrated."""

import numpy as np
import pytest

from lace.core.camera import PinholeCamera
from lace.core.geometry import look_at
from policies.outcome import SafetyStop
from real_bridge.calibration.lens import stated_lens
from real_bridge.cameras.camera import Frame
from real_bridge.cameras.mount import Mount
from real_bridge.views import LENS_PX, seen

K = np.array([[90.0, 0, 48], [0, 90, 36], [0, 0, 1]])
PLACE = look_at([1.0, -0.2, 0.8], [0.4, 0.0, 0.3])
IMAGE = np.zeros((72, 96, 3), np.uint8)


def frame_with(camera: PinholeCamera | None) -> Frame:
    return Frame(IMAGE, 0.0, 1, camera)


def test_a_device_that_states_its_lens_is_calibrated_and_seen_with_that_lens():
    frame = frame_with(PinholeCamera(K, np.eye(4), 96, 72))
    lens = stated_lens(frame.camera)
    camera, image, _depth = seen(frame, Mount(lens.K, lens.distortion, PLACE, 96, 72))
    np.testing.assert_array_equal(camera.K, K)
    np.testing.assert_array_equal(camera.T_world_cam, PLACE)
    assert image is IMAGE


@pytest.mark.parametrize("where", [(0, 0), (1, 1), (0, 2), (1, 2)], ids=["fx", "fy", "cx", "cy"])
def test_a_place_that_was_fitted_with_another_lens_is_refused(where):
    other = K.copy()
    other[where] += 2 * LENS_PX
    frame = frame_with(PinholeCamera(K, np.eye(4), 96, 72))
    with pytest.raises(SafetyStop, match="calibrate again with this camera"):
        seen(frame, Mount(other, (0.0,) * 5, PLACE, 96, 72))


def test_a_device_without_a_stated_lens_is_rectified_by_the_calibrated_one():
    assert stated_lens(None) is None
    camera, _image, _depth = seen(frame_with(None), Mount(K, (0.1, 0, 0, 0, 0), PLACE, 96, 72))
    np.testing.assert_array_equal(camera.T_world_cam, PLACE)


def test_a_camera_of_unknown_place_is_refused():
    with pytest.raises(SafetyStop, match="unknown place"):
        seen(frame_with(None), None)
