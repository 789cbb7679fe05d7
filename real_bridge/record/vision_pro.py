"""Headset guidance: the person's right wrist moves the palm, their fingers the hand. `vision_pro:ADDRESS,URDF`.

Apple Vision Pro through `avp_stream`, fingers by `dex_retargeting` (both in the extra `vision-pro`). The URDF of the
LEAP Hand is not in any wheel: take `leap_hand_right.urdf` of the dex-urdf project. Not tested on a headset.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lace.core.errors import InvalidValueError
from lace.core.geometry import Array
from lace.core.kinematics import Kinematics
from policies.primitives.ik import ArmIK
from real_bridge.leap_hand.motors import MOTOR_OF
from real_bridge.record.guide import GUIDES, Goal, Guide, Site

JOINTS_OF_25 = (0, 1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 16, 17, 18, 19, 21, 22, 23, 24)
"""Our 21 keypoints among the headset's 25 finger joints: it also has the fingers' metacarpal bones."""
END_PINCH_M = 0.015
"""The left thumb and index finger this near to each other end the demonstration [m]."""


class Headset(Protocol):
    """What the stream gives."""

    def latest(self) -> Mapping[str, Any]:
        """right_wrist (1, 4, 4), right_fingers (25, 4, 4) in the wrist's frame, left_pinch_distance; z up [m]."""
        ...


class VisionPro:
    """Implements Guide."""

    commands = True

    def __init__(self, site: Site, latest: Callable[[], Mapping[str, Any]], fingers: Callable[[Array], Array]):
        """Reads a headset.

        Args:
            site: The robot.
            latest: See Headset.
            fingers: Keypoints of a person's hand (21, 3) in the wrist's frame [m] -> hand joints of the robot [rad].
        """
        self._kinematics, self._latest, self._fingers = Kinematics(site.embodiment), latest, fingers
        self._ik = ArmIK(site.xml_path, site.embodiment)
        self._palm = self._kinematics.link_index[site.embodiment.palm_link]
        self._limits = site.embodiment.limits[site.embodiment.arm_dof :]

    def begin(self, arm: Array, hand: Array) -> None:
        """See Guide: wrist and palm are tied to each other as they are now."""
        self._arm, self._palm_start = arm, self._kinematics.link_poses(np.concatenate([arm, hand]))[self._palm]
        self._wrist_start = np.asarray(self._latest()["right_wrist"], float).reshape(4, 4)

    def next(self, arm: Array, hand: Array, dt: float) -> Goal | None:
        """See Guide."""
        seen = self._latest()
        if float(np.squeeze(seen.get("left_pinch_distance", 1.0))) < END_PINCH_M:
            return None
        wrist = np.asarray(seen["right_wrist"], float).reshape(4, 4)
        T = self._palm_start.copy()
        T[:3, 3] += wrist[:3, 3] - self._wrist_start[:3, 3]
        T[:3, :3] = wrist[:3, :3] @ self._wrist_start[:3, :3].T @ T[:3, :3]
        found = self._ik.solve(T, self._arm)
        self._arm = self._arm if found is None else found
        points = np.asarray(seen["right_fingers"], float)[list(JOINTS_OF_25), :3, 3]
        return Goal(self._arm, np.clip(self._fingers(points), *self._limits.T))

    def close(self) -> None:
        """See Guide."""


def _retargeting(urdf: Path, joint_names: tuple[str, ...]) -> Callable[[Array], Array]:
    """Fingertips of the person, seen from the wrist, to the hand's joints in the order of `joint_names`."""
    from dex_retargeting.retargeting_config import RetargetingConfig

    tips = ["thumb_tip_head", "index_tip_head", "middle_tip_head", "ring_tip_head"]
    solver = RetargetingConfig.from_dict(
        {
            "type": "vector", "urdf_path": str(urdf.resolve()), "target_origin_link_names": ["base"] * 4,
            "target_task_link_names": tips, "scaling_factor": 1.6,
            "target_link_human_indices": [[0, 0, 0, 0], [4, 8, 12, 16]], "low_pass_alpha": 0.2,
        }
    ).build()  # fmt: skip
    # The maker's URDF names joints by their motors; ours are found by the same numbers.
    columns = [solver.joint_names.index(str(MOTOR_OF[name])) for name in joint_names]
    pairs = np.array([[0, 0, 0, 0], [4, 8, 12, 16]])
    return lambda points: solver.retarget(points[pairs[1]] - points[pairs[0]])[columns]


def make_vision_pro(site: Site) -> Guide:
    """`vision_pro:ADDRESS,URDF`; InvalidValueError where either is missing."""
    address, _, urdf = site.argument.partition(",")
    if not address or not Path(urdf).is_file():
        raise InvalidValueError(
            "opening the headset", f"{site.argument!r}", "vision_pro:ADDRESS,URDF: the headset's address, and "
            "leap_hand_right.urdf of dex-urdf", "see docs/bridge/recording.md",
        )  # fmt: skip
    from avp_stream import VisionProStreamer

    stream = VisionProStreamer(ip=address, record=False)
    hand = site.embodiment.joint_names[site.embodiment.arm_dof :]
    return VisionPro(site, stream.get_latest, _retargeting(Path(urdf), hand))


GUIDES.add("vision_pro", make_vision_pro)
