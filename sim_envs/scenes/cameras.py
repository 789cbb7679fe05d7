"""The cameras that scenes are seen by: drawn from an axis around the hand, or those of a file."""

from pathlib import Path

import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.geometry import Array, axis_angle, transform
from lace.core.lens import padded
from lace.data.camera_file import CalibratedCamera, read_cameras
from sim_envs.config.axes import CameraAxis
from sim_envs.config.scene import SceneConfig
from sim_envs.scenes.randomization import AxisDraws, draw_camera


class Cameras:
    """Gives each scene its camera."""

    def __init__(self, config: SceneConfig):
        self.config = config
        self.real = real_cameras(config.camera, config.width, config.height) if config.camera else None
        """(k) of the file, at the size of the pictures; None where cameras are drawn."""

    @property
    def has_lens(self) -> bool:
        """Whether pictures are distorted, or pixels are not square."""
        return self.real is not None and self.real.distortion is not None

    def draw(self, draws: AxisDraws[CameraAxis], focus: Array) -> PinholeCamera:
        """Cameras (n) of scenes whose hands and targets are about `focus` (n, 3) [m]."""
        if self.real is None:
            return draw_camera(draws, focus, self.config)
        which = draws.choice("of_file", len(self.real.K))
        T = self.real.T_world_cam[which] @ self._jitter(draws)
        distortion = None if self.real.distortion is None else self.real.distortion[which]
        return PinholeCamera(self.real.K[which], T, self.real.width, self.real.height, distortion)

    def _jitter(self, draws: AxisDraws[CameraAxis]) -> Array:
        """T_cam_moved (n, 4, 4): shifts along the camera's axes and turns about them, all normally distributed."""
        shift = draws.normal("jitter_mm", self.config.camera_jitter_mm, 3) / 1000
        turn = np.deg2rad(draws.normal("jitter_deg", self.config.camera_jitter_deg, 3))
        R = np.eye(3)
        for axis, angle in zip(np.eye(3), turn.T, strict=True):
            R = R @ axis_angle(axis, angle)
        return transform(R, shift)


def real_cameras(path: Path, width: int, height: int) -> PinholeCamera:
    """The cameras (k) of a file whose pictures have this size [px]; with distortion where any of them has some.

    Raises:
        InvalidValueError: The file is no camera file, or a camera's images have another shape.
    """
    lenses: list[CalibratedCamera] = [lens.resized(width, height) for lens in read_cameras(path)]
    ideal = all(lens.is_ideal for lens in lenses)
    return PinholeCamera(
        np.stack([(lens.camera if ideal else lens.real).K for lens in lenses]),
        np.stack([lens.T_base_cam for lens in lenses]),
        width,
        height,
        None if ideal else np.stack([padded(lens.distortion) for lens in lenses]),
    )
