"""A policy gives the same plan in the simulated cell and through the bridge: below 1 mm and 0.5 degrees everywhere."""

import time
from dataclasses import replace

import numpy as np
import pytest

from lace.core.kinematics import Kinematics
from policies import make_policy
from policies.primitives.primitive import ArmMove
from policies.runner import predicted_points
from real_bridge.cell import CellConfig, RealCell
from real_bridge.emulator.admin import Admin
from real_bridge.operator import EmulatorWord
from real_bridge.ports import LivePorts
from real_bridge.rig import Rig, RigConfig
from sim_envs.physics.mujoco import MujocoPhysics
from sim_envs.trials.cell import SimCell
from tests.bridged import PATIENT
from tests.emulated import needs_ports

MOST_M, MOST_DEG = 0.001, 0.5
SHARES = np.linspace(0, 1, 21)


LIMITS = replace(PATIENT, image_age_s=60.0, arm_age_s=60.0, hand_age_s=60.0, watchdog_s=60.0)
"""Nothing moves here: a busy machine may take its time."""


class StillCamera:
    """The emulator's camera: one image of a scene in which nothing moves, always as of now."""

    def __init__(self, scenes, admin):
        self._frame = scenes.frame(admin.truth())

    def newest(self):
        return replace(self._frame, stamp_s=time.monotonic())

    def close(self) -> None:
        pass


def plan_of(cell, policy_name: str, primitive):
    policy = make_policy(policy_name)
    policy.reset(7)
    observation = cell.observe()
    return primitive.plan(observation, predicted_points(policy, observation), cell.table_z), observation


def palm_poses(kinematics: Kinematics, move: ArmMove) -> np.ndarray:
    """(21, 4, 4) of the palm along a move."""
    body = kinematics.embodiment
    arm = move.path.at(SHARES * move.path.duration_s)
    joints = np.concatenate([arm, np.tile(body.home[body.arm_dof :], (len(arm), 1))], 1)
    return kinematics.link_poses(joints)[:, kinematics.link_index[body.palm_link]]


@needs_ports
@pytest.mark.parametrize("policy", ["oracle", "noise:4"])
@pytest.mark.parametrize("number", [0, 1])
def test_the_plan_is_the_same_in_simulation_and_through_the_bridge(emulator, scenes, robot, tmp_path, policy, number):
    admin = Admin(*emulator.admin.address)
    scenes.load(admin, number)
    trial, table_z = scenes.trial, admin.truth()["table_z"]
    primitive = scenes.source.primitive(trial)
    worlds = MujocoPhysics(robot).open([trial.physics])
    simulated, seen = plan_of(SimCell(trial, scenes.source, worlds, 0), policy, primitive)
    worlds.close()
    config = RigConfig(emulator.arm, str(emulator.hand), "in-process", table_z=table_z, state=tmp_path)
    rig = Rig(config, robot.embodiment, {}, LIMITS)
    try:
        rig.enable()
        ports = LivePorts(rig, StillCamera(scenes, admin), EmulatorWord())
        cell = RealCell(ports, robot.embodiment, robot.xml_path, table_z, CellConfig(1.0, LIMITS))
        bridged, seen_there = plan_of(cell, policy, primitive)
    finally:
        rig.close()
        admin.close()
    assert np.abs(seen.image.astype(float) - seen_there.image).mean() < 8  # the same scene, other noise
    assert np.linalg.norm(simulated.target_world - bridged.target_world) < MOST_M
    assert [type(move) for move in simulated.moves] == [type(move) for move in bridged.moves]
    kinematics, far_m, turned_deg = Kinematics(robot.embodiment), [], []
    for one, other in zip(simulated.moves, bridged.moves, strict=True):
        assert one.phase is other.phase
        if not isinstance(one, ArmMove):
            np.testing.assert_allclose(one.targets, other.targets)
            continue
        A, B = palm_poses(kinematics, one), palm_poses(kinematics, other)
        far_m.append(np.linalg.norm(A[:, :3, 3] - B[:, :3, 3], axis=1).max())
        trace = np.einsum("nji,nji->n", A[:, :3, :3], B[:, :3, :3])
        turned_deg.append(np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1))).max())
    print(f"trial {number}, {policy}: at most {1000 * max(far_m):.3f} mm and {max(turned_deg):.3f} degrees apart")
    assert max(far_m) < MOST_M
    assert max(turned_deg) < MOST_DEG
