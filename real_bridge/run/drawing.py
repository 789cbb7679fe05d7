"""A plan drawn over the camera's image: where the policy sees hand and target, and the way of the grasp point."""

import cv2
import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.geometry import apply
from lace.core.kinematics import Kinematics
from policies.outcome import Phase
from policies.policy import Observation, TwoPoints
from policies.primitives import ArmMove, Plan

COLOURS = {Phase.APPROACH: (0, 114, 178), Phase.LIFT: (0, 158, 115), Phase.RETREAT: (204, 121, 167)}
"""RGB, of Okabe and Ito (2008)."""
EFFECTOR, TARGET, GOAL = (255, 176, 0), (61, 220, 151), (213, 94, 0)
LEAST_SIDE = 640
"""Smaller images are enlarged to this [px]: lines on them could not be read."""


def plan_picture(observation: Observation, points: TwoPoints, plan: Plan | None, kinematics: Kinematics) -> np.ndarray:
    """RGB picture of the points and, where there is a plan, of the way of the grasp point with its phases."""
    scale = max(1, -(-LEAST_SIDE // min(observation.image.shape[:2])))
    image = cv2.resize(observation.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    for name, uv, colour in (("end effector", points.end_effector, EFFECTOR), ("target", points.target, TARGET)):
        at = tuple(int(x) for x in np.round(uv * scale))
        cv2.circle(image, at, 6 * scale // 2, colour, 2)
        _write(image, name, (at[0] + 4 * scale, at[1]), colour)
    if plan is not None:
        _draw_way(image, plan, observation, kinematics, scale)
    return image


def _draw_way(image: np.ndarray, plan: Plan, seen: Observation, kinematics: Kinematics, scale: int) -> None:
    body = kinematics.embodiment
    palm, hand = kinematics.link_index[body.palm_link], seen.joint_positions[body.arm_dof :]
    told = set()
    for move in plan.moves:
        if not isinstance(move, ArmMove):
            continue
        arm = move.path.at(np.linspace(0, move.path.duration_s, 24, dtype=float))
        joints = np.concatenate([arm, np.tile(hand, (len(arm), 1))], 1)
        way = apply(kinematics.link_poses(joints)[:, palm], np.array([body.grasp_point]))[:, 0]
        line = _pixels(seen.camera, way, scale)
        cv2.polylines(image, [line.reshape(-1, 1, 2)], False, COLOURS[move.phase], 2, cv2.LINE_AA)
        if move.phase not in told:
            told.add(move.phase)
            middle = line[len(line) // 2]
            _write(image, move.phase.value, (int(middle[0]), int(middle[1])), COLOURS[move.phase])
    at = tuple(int(x) for x in _pixels(seen.camera, plan.target_world[None], scale)[0])
    cv2.drawMarker(image, at, GOAL, cv2.MARKER_TILTED_CROSS, 8 * scale, 2)


def _pixels(camera: PinholeCamera, points: np.ndarray, scale: int) -> np.ndarray:
    uv, _depth = camera.project(points)
    return np.round(np.nan_to_num(uv) * scale).clip(-10000, 10000).astype(np.int32)


def _write(image: np.ndarray, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    for thick, paint in ((4, (20, 20, 20)), (1, colour)):
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, paint, thick, cv2.LINE_AA)
