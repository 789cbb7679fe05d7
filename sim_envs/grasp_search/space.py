"""What a grasp search varies for any hand: the palm's pose, the open hand, and how far each joint closes."""

from dataclasses import dataclass

import numpy as np

from lace.core.embodiment import Embodiment, Joint
from lace.core.errors import InvalidValueError
from lace.core.geometry import Array, axis_angle, transform
from lace.core.grasp import Grasp
from lace.core.kinematics import Kinematics

AXIS_Z = 0.045
"""Height over the table of the point that the hand closes around [m]."""
FACING = np.array([[0, 0, -1], [0, -1, 0], [-1, 0, 0]], float)
"""Rotation of the palm in the grasp frame with its fingers down and its face along the heading."""
PALM = {"tilt": (-0.2, 1.2), "roll": (-0.8, 0.8), "x": (-0.02, 0.095), "y": (-0.05, 0.065), "z": (-0.045, 0.025)}
"""Turns [rad], and where the closing point lies relative to the palm's grasp point [m]."""
BEND, D_BEND = (-0.3, 0.75), (0.05, 1.3)
"""Open fingers, and how much they close: 0 is Curl's open, 1 its closed position."""
SPREAD = (-0.05, 0.3)
"""How far the outermost fingers swing outwards, as a share of the joint's range."""
THUMB, D_THUMB = (0.0, 1.0), (-0.25, 0.9)
"""The thumb's joints, and how much they close, as shares of their ranges."""


@dataclass(frozen=True)
class _Driven:
    """How one joint follows the parameters: share of its range = zero + gain * (parameter + its change)."""

    key: str
    zero: float
    gain: float


class GraspSpace:
    """The parameters of one hand's grasps and their bounds: fingers bend alike, each joint of the thumb by itself."""

    def __init__(self, embodiment: Embodiment):
        self.embodiment = embodiment
        self._limits = embodiment.limits[embodiment.arm_dof :]
        if not embodiment.arm_dof or not len(self._limits):
            raise InvalidValueError(
                f"searching grasps of {embodiment.name}",
                f"{embodiment.arm_dof} arm joints and {len(self._limits)} finger joints",
                "a hand with fingers on an arm",
                "choose another --embodiment, or attach the hand to an arm (docs/own-things.md)",
            )
        self._driven = self._rows()
        spans = dict(PALM)
        for row in self._driven:
            spans |= _spans(row.key)
        self.names = tuple(spans)
        self.low, self.high = np.array(list(spans.values())).T

    def _rows(self) -> list[_Driven]:
        """One for each hand joint."""
        body = self.embodiment
        child = {joint.child: joint for joint in body.joints[body.arm_dof :]}
        outward, rows = _outward(body), {}
        for links in body.fingers:
            joints = [child[link] for link in links if link in child]
            is_thumb = any(joint.curl is not None and joint.curl.thumb for joint in joints)
            for from_tip, joint in enumerate(reversed(joints)):
                rows[joint.name] = _driven(joint, from_tip, is_thumb, outward[joint.name])
        return [rows[name] for name in body.joint_names[body.arm_dof :]]

    def decode(self, values: Array, target: str) -> Grasp:
        """The grasp of a parameter vector (names)."""
        v = dict(zip(self.names, values, strict=True))
        R = axis_angle([0, 1, 0], v["tilt"]) @ FACING @ axis_angle([1, 0, 0], v["roll"])
        held = np.array(self.embodiment.grasp_point) + [v["x"], v["y"], v["z"]]
        shares = np.array(
            [
                [row.zero + row.gain * (v[row.key] + shut * v.get(f"d_{row.key}", 0.0)) for row in self._driven]
                for shut in (0, 1)
            ]
        )
        low, high = self._limits.T
        opened, closed = np.clip(low + (high - low) * shares, low, high)
        T = transform(R, np.array([0, 0, AXIS_Z]) - R @ held)
        return Grasp(self.embodiment.name, target, T, opened, closed, 0, 0)

    def encode(self, grasp: Grasp) -> Array:
        """The parameter vector of a grasp that `decode` made."""
        R, T = grasp.T_table_palm[:3, :3], grasp.T_table_palm
        held = R.T @ (np.array([0, 0, AXIS_Z]) - T[:3, 3]) - self.embodiment.grasp_point
        values = dict(zip("xyz", held, strict=True)) | {
            "tilt": np.arctan2(-R[0, 0], -R[2, 0]),
            "roll": np.arctan2(R[1, 2], -R[1, 1]),
        }
        low, high = self._limits.T
        for row, start, shut in zip(
            self._driven, (grasp.open - low) / (high - low), (grasp.closed - low) / (high - low), strict=True
        ):
            if row.gain:
                values |= {row.key: (start - row.zero) / row.gain, f"d_{row.key}": (shut - start) / row.gain}
        return np.clip([values.get(name, 0.0) for name in self.names], self.low, self.high)


def _spans(key: str) -> dict[str, tuple[float, float]]:
    if key == "spread":
        return {key: SPREAD}
    first, change = (THUMB, D_THUMB) if key.startswith("thumb") else (BEND, D_BEND)
    return {key: first, f"d_{key}": change}


def _driven(joint: Joint, from_tip: int, is_thumb: bool, outward: float) -> _Driven:
    """Joints of several fingers that are as far from their tips share a parameter."""
    curl = joint.curl
    if curl is None:
        raise InvalidValueError(
            "searching grasps", f"no curl of {joint.name}", "a curl for each finger joint", "add it"
        )
    if is_thumb:
        back = curl.closed < curl.opened
        return _Driven(f"thumb_{from_tip}", float(back), -1.0 if back else 1.0)
    if curl.opened == curl.closed:
        return _Driven("spread", curl.opened, outward)
    return _Driven(f"bend_{from_tip}", curl.opened, curl.closed - curl.opened)


def _outward(body: Embodiment) -> dict[str, float]:
    """By joint: how far it swings its finger outwards, by a hand a little closed; 1 or -1 outermost, 0 in the middle.

    Measured and not read from axes: Allegro's fingers turn about their own length, which swings them only when bent.
    """
    kinematics = Kinematics(body)
    q = np.concatenate([body.home[: body.arm_dof], body.hand_at(0.3)])
    turned = q + 0.01 * np.eye(len(q))
    y, after = _sideways(kinematics, q), _sideways(kinematics, turned)
    joints = {joint.child: joint for joint in body.joints}
    fingers = {links[0]: links for links in body.fingers if not _has_thumb(links, joints)}
    at = {root: float(y[kinematics.link_index[links[-1]]]) for root, links in fingers.items()}
    middle = (max(at.values(), default=0.0) + min(at.values(), default=0.0)) / 2
    half = max((abs(value - middle) for value in at.values()), default=0.0) or 1.0
    out = dict.fromkeys(body.joint_names, 0.0)
    for root, links in fingers.items():
        for name in (joints[link].name for link in links if link in joints):
            moved = after[body.joint_names.index(name), kinematics.link_index[links[-1]]] - at[root]
            out[name] = float(np.sign(moved)) * (at[root] - middle) / half
    return out


def _sideways(kinematics: Kinematics, q: Array) -> Array:
    """Coordinate y (..., links) of all links in the palm's frame [m] for joint positions (..., joints)."""
    T = kinematics.link_poses(q)
    palm = T[..., kinematics.link_index[kinematics.embodiment.palm_link], :, :]
    return (np.linalg.inv(palm)[..., None, :, :] @ T)[..., 1, 3]


def _has_thumb(links: tuple[str, ...], joints: dict[str, Joint]) -> bool:
    curls = [joints[link].curl for link in links if link in joints]
    return any(curl is not None and curl.thumb for curl in curls)
