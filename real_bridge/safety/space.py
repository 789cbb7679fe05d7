"""Where a pose puts the robot in space: workspace box, distance to the table and to itself, and to a singularity."""

from pathlib import Path

import mujoco
import numpy as np

from lace.core.embodiment import Embodiment
from lace.core.geometry import Array
from real_bridge.safety.decisions import Decisions
from real_bridge.safety.limits import SafetyLimits

TABLE = "guard_table"


class SpaceCheck:
    """Checks poses of one robot by MuJoCo's collision shapes; not for use from several threads."""

    def __init__(
        self, xml_path: Path, embodiment: Embodiment, table_z: float, limits: SafetyLimits, decisions: Decisions
    ):
        self._limits, self._decisions, self._dof = limits, decisions, embodiment.arm_dof
        spec = mujoco.MjSpec.from_file(str(xml_path))
        table = spec.worldbody.add_body(name=TABLE, mocap=True)
        table.add_geom(name=TABLE, type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1])
        self._model = model = spec.compile()
        self._data = mujoco.MjData(model)
        self._data.mocap_pos[0] = 0, 0, table_z
        self._table, self._palm = model.geom(TABLE).id, model.body(embodiment.palm_link).id
        hand = {model.body(link).id for link in embodiment.hand_links}
        self._is_hand = np.array([model.geom_bodyid[g] in hand for g in range(model.ngeom)])
        self._jacobian = np.zeros((6, model.nv))

    def require(self, arm: Array, hand: Array) -> None:
        """Raises SafetyStop unless the pose (arm joints,), (hand joints,) [rad] keeps all distances and limits."""
        model, data, limits = self._model, self._data, self._limits
        data.qpos[:] = np.concatenate([arm, hand])
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        palm = data.xpos[self._palm]
        low, high = np.array(limits.workspace.low), np.array(limits.workspace.high)
        if (np.maximum(low - palm, palm - high) > limits.workspace_slack_m).any():
            raise self._decisions.refuse(
                "the workspace",
                f"the palm at {np.round(palm, 3).tolist()} m",
                f"between {low.tolist()} and {high.tolist()}",
                "plan inside the box",
            )
        mujoco.mj_collision(model, data)
        self._require_distance()

    def conditioning(self, arm: Array, hand: Array) -> float:
        """Condition number of the palm's Jacobian: infinite where the palm cannot move one way."""
        model, data = self._model, self._data
        data.qpos[:] = np.concatenate([arm, hand])
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_jacBody(model, data, self._jacobian[:3], self._jacobian[3:], self._palm)
        values = np.linalg.svd(self._jacobian[:, : self._dof], compute_uv=False)
        return float(values[0] / max(values[-1], 1e-12))

    def pace(self, arm: Array, hand: Array) -> float:
        """Share of full speed that the nearness of a singularity leaves, above 0 to 1; SafetyStop at the limit."""
        limits, condition = self._limits, self.conditioning(arm, hand)
        if condition > limits.singular_stop:
            raise self._decisions.refuse(
                "singularity",
                f"the Jacobian's condition number is {condition:.0f}",
                f"at most {limits.singular_stop:g}",
                "plan through another configuration",
            )
        near = (condition - limits.singular_slow) / (limits.singular_stop - limits.singular_slow)
        share = float(np.clip(1 - near, limits.singular_share, 1))
        self._decisions.slow(
            "singularity", share < 1, f"condition number {condition:.0f}, {100 * share:.0f} % of the speed"
        )
        return share

    def _require_distance(self) -> None:
        contact = self._data.contact
        if not len(contact.dist):
            return
        pairs = contact.geom
        table = (pairs == self._table).any(1)
        fingers = self._is_hand[pairs].all(1)
        least = np.where(table, self._limits.table_m, np.where(fingers, -np.inf, self._limits.self_m))
        bad = contact.dist < least
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            one, other = (self._name(int(g)) for g in pairs[first])
            raise self._decisions.refuse(
                "distance",
                f"{one} and {other} at {1000 * contact.dist[first]:.1f} mm",
                f"at least {1000 * least[first]:.0f} mm",
                "plan a path free of collisions; check the table's height",
            )

    def _name(self, geom: int) -> str:
        return "the table" if geom == self._table else self._model.body(int(self._model.geom_bodyid[geom])).name
