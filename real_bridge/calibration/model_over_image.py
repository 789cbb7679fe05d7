"""The model of the robot drawn over an image: whether joint zeros, keypoint table and camera fit what is seen."""

import cv2
import fast_simplification
import numpy as np

from assets.robots.robot import Robot
from lace.core.camera import PinholeCamera
from lace.core.geometry import Array, BoolArray, apply, invert
from lace.core.keypoints import Visibility
from lace.core.kinematics import Kinematics
from lace.data.overlay import draw_keypoints

OUTLINE = (255, 80, 0)
NEAREST_M = 0.02
"""Triangles with a corner nearer to the camera than this are left out."""
_FRACTION_BITS = 4


class RobotModel:
    """What of a robot is seen: its meshes, ready to be projected."""

    def __init__(self, robot: Robot, faces: int | None = None):
        """Opens the meshes.

        Args:
            robot: Whose.
            faces: Triangles kept of each mesh, for outlines that are drawn a thousand times; None keeps all.
        """
        self.robot, self.kinematics = robot, Kinematics(robot.embodiment)
        self._parts = []
        for visual in robot.visuals:
            points, triangles = visual.mesh.vertices, visual.mesh.faces
            if faces is not None and len(triangles) > faces:
                points, triangles = fast_simplification.simplify(points, triangles, target_count=faces)
            points = apply(visual.T_link_mesh, points.astype(float))
            self._parts.append((self.kinematics.link_index[visual.link], points, triangles))

    def silhouette(self, q: Array, camera: PinholeCamera, first_link: str = "") -> BoolArray:
        """(height, width) bool of all pixels that the robot covers; joints (joints,) [rad].

        Args:
            q: Joint positions.
            camera: Where it is seen from.
            first_link: Only this link and what is listed after it ("leap_palm": the hand alone).
        """
        T, mask = self.kinematics.link_poses(q), np.zeros((camera.height, camera.width), np.uint8)
        low = self.kinematics.link_index[first_link] if first_link else 0
        for link, vertices, faces in self._parts:
            if link < low:
                continue
            points = apply(invert(camera.T_world_cam) @ T[link], vertices)
            depth = np.maximum(points[:, 2], 1e-6)
            # OpenCV's first pixel has its middle at (0, 0).
            uv = points[:, :2] / depth[:, None] * camera.K[0, 0] + camera.K[:2, 2] - 0.5
            kept = faces[(points[faces, 2] > NEAREST_M).all(1)]
            edges = np.diff(uv[kept], axis=1)
            kept = kept[edges[:, 0, 0] * edges[:, 1, 1] > edges[:, 0, 1] * edges[:, 1, 0]]  # those that face the camera
            corners = np.clip(np.round(uv[kept] * 2**_FRACTION_BITS), -(2**20), 2**20).astype(np.int32)
            for triangle in corners:
                cv2.fillConvexPoly(mask, triangle, 1, shift=_FRACTION_BITS)
        return mask.astype(bool)

    def draw(self, image: np.ndarray, q: Array, camera: PinholeCamera) -> np.ndarray:
        """A copy of RGB `image` with the model's outline and numbered keypoints."""
        out = image.copy()
        outlines, _order = cv2.findContours(
            self.silhouette(q, camera).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(out, outlines, -1, OUTLINE, 1)
        uv, _depth = camera.project(self.kinematics.keypoints(self.kinematics.link_poses(q)))
        shown = np.where(self.robot.embodiment.present, Visibility.VISIBLE, Visibility.ABSENT)
        draw_keypoints(out, uv, shown.astype(np.uint8), numbers=True)
        return out
