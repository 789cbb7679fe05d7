"""Inverse kinematics of the arm by mink for a palm pose, within joint limits, with the hand fixed."""

from pathlib import Path

import mink
import mujoco
import numpy as np

from lace.core.embodiment import Embodiment
from lace.core.geometry import Array

REACHED_M, REACHED_RAD = 5e-4, 5e-3
"""Convergence tolerance: half a millimetre and a quarter of a degree."""
STEPS, STEP_S = 60, 1.0
"""Maximum number of iterations; with unit time steps each one is a Gauss-Newton step."""
POSTURE_COST = 1e-3
"""Weight of staying near the start, which resolves the redundant joint; too small to affect the palm pose."""
LIMIT_MARGIN_RAD = 0.02


class ArmIK:
    """Solver for one robot; not thread-safe."""

    def __init__(self, xml_path: Path, embodiment: Embodiment):
        spec = mujoco.MjSpec.from_file(str(xml_path))
        hand = set(embodiment.joint_names[embodiment.arm_dof :])
        for element in [a for a in spec.actuators if a.name in hand] + [j for j in spec.joints if j.name in hand]:
            spec.delete(element)
        self._configuration = mink.Configuration(spec.compile())
        model = self._configuration.model
        margin = np.full(model.nv, LIMIT_MARGIN_RAD)
        model.jnt_range[:, 0] += margin
        model.jnt_range[:, 1] -= margin
        self._limits = [mink.ConfigurationLimit(model)]
        self._palm = mink.FrameTask(embodiment.palm_link, "body", position_cost=1.0, orientation_cost=0.3)
        self._posture = mink.PostureTask(model, cost=POSTURE_COST)
        self._range = model.jnt_range.copy()

    def solve(self, T_world_palm: Array, start: Array) -> Array | None:
        """Arm joints (arm,) [rad] that put the palm at T (4, 4), near `start` (arm,); None if there is no solution."""
        configuration = self._configuration
        q = np.clip(start, *self._range.T)
        configuration.update(q)
        self._posture.set_target(q)
        self._palm.set_target(mink.SE3.from_matrix(T_world_palm))
        for _ in range(STEPS):
            error = self._palm.compute_error(configuration)
            if np.linalg.norm(error[:3]) < REACHED_M and np.linalg.norm(error[3:]) < REACHED_RAD:
                return configuration.q.copy()
            velocity = mink.solve_ik(
                configuration, [self._palm, self._posture], STEP_S, solver="daqp", damping=1e-6, limits=self._limits
            )
            configuration.integrate_inplace(np.clip(velocity, -0.5, 0.5), STEP_S)
        return None
