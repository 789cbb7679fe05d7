"""Checks a joint path before execution: limits, speed, workspace, self-collision, the table, a keep-out cylinder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import mujoco
import numpy as np

from lace.core.embodiment import Embodiment
from lace.core.geometry import Array, BoolArray
from lace.core.limits import Within
from policies.outcome import PlanRefused, SafetyStop
from policies.path import CheckedPath, JointPath, sealed

TABLE, KEEP_OUT = "checker_table", "checker_keep_out"
AWAY = (0.0, 0.0, -10.0)
"""Position of the keep-out cylinder when unused [m]."""
STEP_RAD = 0.03
"""Largest joint step between tested poses: under 2 cm at the fingertips of an arm stretched out to 60 cm."""
SELF_OVERLAP_M = 2e-3
"""Tolerated overlap of two links' collision boxes [m]: neighbouring finger links touch at rest."""


@dataclass(frozen=True)
class Workspace:
    """Box that the palm must stay in, in the robot's base frame [m]."""

    low: Annotated[tuple[float, float, float], Within(-10, 10)] = (-0.20, -0.65, -0.12)
    high: Annotated[tuple[float, float, float], Within(-10, 10)] = (0.80, 0.65, 0.90)

    def holds(self, points: Array) -> BoolArray:
        """Whether each of points (..., 3) is inside."""
        inside = (points >= np.array(self.low)) & (points <= np.array(self.high))
        return np.asarray(inside.all(-1))


class PathChecker:
    """Checks paths of one robot; not for use from several threads."""

    def __init__(
        self,
        xml_path: Path,
        embodiment: Embodiment,
        workspace: Workspace,
        speed: float,
        clearance_m: float,
        keep_out_m: tuple[float, float] = (0.05, 0.12),
    ):
        """Creates a path checker.

        Args:
            xml_path: MJCF with the robot's collision shapes.
            embodiment: The same robot.
            workspace: For the palm.
            speed: Largest joint speed [rad/s].
            clearance_m: Distance kept from the table.
            keep_out_m: Radius and height of an upright cylinder that paths can be required to avoid.
        """
        self.embodiment, self.workspace, self.speed, self.clearance_m = embodiment, workspace, speed, clearance_m
        spec = mujoco.MjSpec.from_file(str(xml_path))
        radius, height = keep_out_m
        for name, kind, size in (
            (TABLE, mujoco.mjtGeom.mjGEOM_PLANE, [2, 2, 0.1]),
            (KEEP_OUT, mujoco.mjtGeom.mjGEOM_CYLINDER, [radius, height / 2, 0]),
        ):  # separate bodies, because MuJoCo assumes that geoms of the world body do not move
            spec.worldbody.add_body(name=name, mocap=True).add_geom(name=name, type=kind, size=size)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._table, self._keep_out = self._model.geom(TABLE).id, self._model.geom(KEEP_OUT).id
        self._mocap = {name: int(self._model.body(name).mocapid[0]) for name in (TABLE, KEEP_OUT)}
        self._palm = self._model.body(embodiment.palm_link).id

    def check(self, path: JointPath, hand: Array, table_z: float, keep_out: Array | None = None) -> CheckedPath:
        """Returns `path` as a checked path.

        Args:
            path: Of the arm.
            hand: Joints of the hand along the path (hand joints,) [rad].
            table_z: Height of the table [m].
            keep_out: Middle (3,) of the cylinder to stay out of [m]; None for no keep-out.

        Raises:
            PlanRefused: A limit is exceeded or there is a collision; the message says which and when.
            SafetyStop: The palm leaves the workspace.
        """
        self._check_limits(path)
        model, data = self._model, self._data
        data.mocap_pos[self._mocap[TABLE]] = 0, 0, table_z + self.clearance_m
        data.mocap_pos[self._mocap[KEEP_OUT]] = AWAY if keep_out is None else keep_out
        for time_s, arm in _dense(path):
            data.qpos[:] = np.concatenate([arm, hand])
            mujoco.mj_kinematics(model, data)
            palm = data.xpos[self._palm]
            if not self.workspace.holds(palm):
                raise SafetyStop(
                    "checking a path",
                    f"the palm would leave the workspace at {np.round(palm, 3).tolist()} m",
                    f"between {self.workspace.low} and {self.workspace.high}",
                    "check the prediction",
                )
            mujoco.mj_collision(model, data)
            struck = self._struck()
            if struck:
                raise PlanRefused(
                    "checking a path", f"{struck} after {time_s:.2f} s", "a path free of collisions", "move the target"
                )
        return sealed(path, self.clearance_m)

    def _check_limits(self, path: JointPath) -> None:
        joints = self.embodiment.joints[: self.embodiment.arm_dof]
        for joint, q in zip(joints, path.positions.T, strict=True):
            if q.min() < joint.lower or q.max() > joint.upper:
                raise PlanRefused(
                    "checking a path",
                    f"{joint.name} would go from {q.min():.3f} to {q.max():.3f} rad",
                    f"between {joint.lower:.3f} and {joint.upper:.3f}",
                    "move the target",
                )
        fastest = np.abs(np.diff(path.positions, axis=0) / np.diff(path.times_s)[:, None]).max()
        if fastest > self.speed * 1.001:
            raise PlanRefused(
                "checking a path",
                f"a joint moves at {fastest:.2f} rad/s",
                f"at most {self.speed}",
                "slow the path down",
            )

    def _struck(self) -> str:
        """Description of a collision at the current pose, "" if none."""
        contact = self._data.contact
        outside = np.isin(contact.geom, (self._table, self._keep_out)).any(1)
        bad = contact.dist < np.where(outside, 0.0, -SELF_OVERLAP_M)
        if not bad.any():
            return ""
        first, second = (self._name(int(g)) for g in contact.geom[bad.argmax()])
        return f"{second} strikes {first}" if first.startswith("the ") else f"{first} strikes {second}"

    def _name(self, geom: int) -> str:
        named = {self._table: "the table", self._keep_out: "the target"}
        return named.get(geom) or self._model.body(int(self._model.geom_bodyid[geom])).name


def _dense(path: JointPath) -> list[tuple[float, Array]]:
    """(time, arm joints) along a path at the test spacing."""
    total = np.concatenate([[0], np.cumsum(np.abs(np.diff(path.positions, axis=0)).max(1))])
    count = max(int(np.ceil(total[-1] / STEP_RAD)), 1) + 1
    rising = total + 1e-12 * np.arange(len(total))  # np.interp needs distinct values
    times = np.interp(np.linspace(0, total[-1], count), rising, path.times_s)
    return list(zip(times, path.at(times), strict=True))
