"""The grasp primitive without images: lifting to 3-D, inverse kinematics, checks, and a successful grasp in MuJoCo."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from assets.grasps import DEFAULT, LEAP, from_json, grasp_for, targets_of, to_json
from assets.objects import TARGETS
from assets.objects.hulls import convex_parts
from assets.robots import ROBOTS
from lace.core.camera import PinholeCamera, intrinsics
from lace.core.frames import FrameRecord
from lace.core.geometry import axis_angle, look_at, transform
from lace.core.kinematics import Kinematics
from policies.outcome import Phase, PlanRefused, Result, SafetyStop
from policies.path import CheckedPath, through
from policies.policy import Observation, TwoPoints
from policies.primitives import ArmMove
from policies.primitives.checker import PathChecker, Workspace
from policies.primitives.grasp import GraspConfig, GraspPrimitive
from policies.primitives.ik import ArmIK
from policies.primitives.lifting import by_depth, by_plane, end_effector_point
from policies.runner import run_trial
from sim_envs.physics.mujoco import MujocoPhysics
from sim_envs.physics.protocol import PhysicsScene, RigidObject
from sim_envs.trials.cell import SimCell
from sim_envs.trials.source import Trial

ROBOT = ROBOTS["xarm7_leap"](None)
BODY = ROBOT.embodiment
KINEMATICS = Kinematics(BODY)
TABLE_Z = -0.05
CAMERA = PinholeCamera(intrinsics(0.9, 224, 224), look_at([1.2, 0.3, 0.6], [0.4, 0, 0.05]), 224, 224)


@pytest.fixture(scope="module")
def primitive():
    return GraspPrimitive(BODY, ROBOT.xml_path, grasp_for("dinosaur"))


@pytest.fixture(scope="module")
def checker():
    return PathChecker(ROBOT.xml_path, BODY, Workspace(), speed=1.5, clearance_m=0.002)


def observed(target, q=None, camera=CAMERA, depth=None) -> Observation:
    """Observation of a cell without images: the true target axis is at `target` (2,) xy [m]."""
    q = BODY.home if q is None else q
    end_effector, _depth = end_effector_point(KINEMATICS.keypoints(KINEMATICS.link_poses(q)), CAMERA)
    seen, _ = CAMERA.project([[*target, TABLE_Z + GraspConfig.seen_height_m]])
    return Observation(np.zeros((224, 224, 3), np.uint8), camera, q, 0.0, 0.0, depth, TwoPoints(end_effector, seen[0]))


def test_a_point_comes_back_from_the_plane_and_from_depth():
    rng = np.random.default_rng(0)
    for point in rng.uniform([0.3, -0.2, -0.1], [0.6, 0.2, 0.1], (20, 3)):
        uv, depth = CAMERA.project(point[None])
        assert np.allclose(by_plane(CAMERA, uv[0], point[2]), point, atol=1e-9)
        assert np.allclose(by_depth(CAMERA, uv[0], np.full((224, 224), depth[0])), point, atol=1e-9)


def test_behind_moves_along_the_ray():
    seen = by_depth(CAMERA, [100.0, 90.0], np.full((224, 224), 1.0))
    middle = by_depth(CAMERA, [100.0, 90.0], np.full((224, 224), 1.0), behind_m=0.03)
    eye = CAMERA.T_world_cam[:3, 3]
    assert np.linalg.norm(middle - seen) == pytest.approx(0.03)
    assert np.linalg.norm(middle - eye) == pytest.approx(np.linalg.norm(seen - eye) + 0.03)


def test_depth_holes_take_their_neighbours_and_larger_gaps_are_refused():
    depth = np.full((224, 224), 1.0)
    depth[90, 100] = 0
    assert np.isfinite(by_depth(CAMERA, [100.5, 90.5], depth)).all()
    with pytest.raises(PlanRefused, match="no depth is known"):
        by_depth(CAMERA, [100.5, 90.5], np.zeros((224, 224)))
    with pytest.raises(PlanRefused, match="outside the image"):
        by_depth(CAMERA, [300.0, 10.0], depth)


def test_a_ray_above_the_horizon_misses_the_table():
    level = PinholeCamera(CAMERA.K, look_at([1, 0, 0.3], [0, 0, 0.3]), 224, 224)
    with pytest.raises(PlanRefused, match="does not meet"):
        by_plane(level, [112.0, 10.0], 0.0)


def test_the_end_effector_point_is_the_middle_of_the_box_of_wrist_and_fingertips():
    points = KINEMATICS.keypoints(KINEMATICS.link_poses(BODY.home))
    uv, depth = CAMERA.project(points[[0, 4, 8, 12, 16]])
    got, at = end_effector_point(points, CAMERA)
    assert np.allclose(got, (uv.min(0) + uv.max(0)) / 2, atol=1e-4)
    assert at == pytest.approx(depth.mean())
    behind = PinholeCamera(CAMERA.K, look_at([1.2, 0, 0.6], [2.4, 0, 0.6]), 224, 224)
    with pytest.raises(PlanRefused, match="neither wrist nor fingertips"):
        end_effector_point(points, behind)


def test_ik_reaches_within_a_millimetre_and_a_degree_and_within_limits():
    ik, rng = ArmIK(ROBOT.xml_path, BODY), np.random.default_rng(1)
    palm, solved = KINEMATICS.link_index[BODY.palm_link], 0
    for _ in range(40):
        q = np.clip(BODY.home + rng.normal(0, 0.4, 23), *BODY.limits.T)
        goal = KINEMATICS.link_poses(q)[palm]
        arm = ik.solve(goal, BODY.home[:7])
        if arm is None:
            continue
        solved += 1
        got = KINEMATICS.link_poses(np.concatenate([arm, q[7:]]))[palm]
        turn = np.arccos(np.clip((np.trace(got[:3, :3].T @ goal[:3, :3]) - 1) / 2, -1, 1))
        assert np.linalg.norm(got[:3, 3] - goal[:3, 3]) < 1e-3
        assert turn < np.deg2rad(1)
        assert (arm >= BODY.limits[:7, 0]).all()
        assert (arm <= BODY.limits[:7, 1]).all()
    assert solved >= 38
    assert ik.solve(transform(None, [1.5, 0, 0.3]), BODY.home[:7]) is None


def path_to(arm, speed=1.0):
    return through(np.array([BODY.home[:7], arm]), speed, 0.3, 0.02)


def test_a_free_path_is_marked_as_checked(checker):
    checked = checker.check(path_to(BODY.home[:7] + [0.3, 0, 0, 0, 0, 0, 0.2]), BODY.home[7:], TABLE_Z)
    assert isinstance(checked, CheckedPath)
    assert checked.clearance_m == 0.002


@pytest.mark.parametrize(
    ("change", "kind", "match"),
    [
        ([0, 0.8, 0, 0, 0, 0, 0], PlanRefused, "strikes the table"),
        ([0, 0.4, 0, -0.5, 0, 0, 0], PlanRefused, "strikes link_base"),
        ([0, 0, 0, -1.5, 0, 0, 0], PlanRefused, "joint4 would go"),
        ([3.1, 0, 0, 0, 0, 0, 0], SafetyStop, "leave the workspace"),
    ],
)
def test_a_bad_path_is_refused_with_its_reason(checker, change, kind, match):
    with pytest.raises(kind, match=match):
        checker.check(path_to(BODY.home[:7] + change), BODY.home[7:], TABLE_Z)


def test_a_path_too_fast_is_refused(checker):
    with pytest.raises(PlanRefused, match=r"rad/s"):
        checker.check(path_to(BODY.home[:7] + [0.8, 0, 0, 0, 0, 0, 0], speed=3.0), BODY.home[7:], TABLE_Z)


def test_a_keep_out_applies_to_one_check_only(checker):
    path = path_to(BODY.home[:7] + [0.3, 0, 0, 0, 0, 0, 0])
    palm = KINEMATICS.link_poses(BODY.home)[KINEMATICS.link_index[BODY.palm_link]][:3, 3]
    with pytest.raises(PlanRefused, match="strikes the target"):
        checker.check(path, BODY.home[7:], TABLE_Z, palm)
    checker.check(path, BODY.home[7:], TABLE_Z)


def test_a_target_out_of_reach_is_refused(primitive):
    seen = observed([0.79, 0.45])
    with pytest.raises(PlanRefused, match="does not reach"):
        primitive.plan(seen, seen.truth, TABLE_Z)


def test_a_target_outside_the_workspace_is_a_safety_stop(primitive):
    seen = observed([0.4, -0.75])
    with pytest.raises(SafetyStop, match="outside the workspace"):
        primitive.plan(seen, seen.truth, TABLE_Z)


def test_an_end_effector_point_far_from_kinematics_is_a_safety_stop(primitive):
    seen = observed([0.45, 0.05])
    with pytest.raises(SafetyStop, match="forward kinematics"):
        primitive.plan(seen, TwoPoints(seen.truth.end_effector + [60, 0], seen.truth.target), TABLE_Z)


@pytest.mark.parametrize("which", ["end_effector", "target"])
def test_non_finite_points_are_a_safety_stop(primitive, which):
    seen = observed([0.45, 0.05])
    with pytest.raises((SafetyStop, PlanRefused)):
        primitive.plan(seen, replace(seen.truth, **{which: np.full(2, np.nan)}), TABLE_Z)


def test_a_heading_that_leaves_the_workspace_is_replaced_by_another(primitive):
    """The workspace ends slightly before the palm's position when it faces the base."""
    seen = observed([0.45, 0.0])
    free = primitive.plan(seen, seen.truth, TABLE_Z)
    palms = KINEMATICS.link_poses(np.concatenate([free.moves[2].path.positions[-1], BODY.home[7:]]))
    x = palms[KINEMATICS.link_index[BODY.palm_link], 0, 3]
    tight = GraspConfig(workspace=Workspace(low=(-0.2, -0.65, -0.12), high=(x - 0.002, 0.65, 0.9)))
    other = GraspPrimitive(BODY, ROBOT.xml_path, primitive.grasp, tight)
    lifts = [p.plan(seen, seen.truth, TABLE_Z).moves[-2].path.positions[0] for p in (primitive, other)]
    assert np.abs(lifts[0] - lifts[1]).max() > 0.1


def test_a_hand_beside_the_target_rises_before_it_opens(primitive):
    """If opening fingers would hit the target, the arm moves up first."""
    palm = KINEMATICS.link_poses(BODY.home)[KINEMATICS.link_index[BODY.palm_link]]
    arm = primitive.ik.solve(transform(palm[:3, :3], [*palm[:2, 3], TABLE_Z + 0.22]), BODY.home[:7])
    low = np.concatenate([arm, BODY.home[7:]])
    opened = KINEMATICS.keypoints(KINEMATICS.link_poses(np.concatenate([arm, primitive.grasp.open])))
    seen = observed(opened[12, :2], q=low)
    moves = primitive.plan(seen, seen.truth, TABLE_Z).moves
    assert isinstance(moves[0], ArmMove)
    ends = [np.concatenate([q, BODY.home[7:]]) for q in moves[0].path.positions[[0, -1]]]
    z = KINEMATICS.link_poses(np.array(ends))[:, KINEMATICS.link_index[BODY.palm_link], 2, 3]
    assert z[1] - z[0] == pytest.approx(0.12, abs=2e-3)


def test_a_relative_correction_cancels_an_error_of_the_camera(primitive):
    """The assumed camera is 2 cm off; both points shift, and the vector between them hardly changes."""
    relative = GraspPrimitive(BODY, ROBOT.xml_path, primitive.grasp, GraspConfig(correction="relative"))
    wrong = replace(CAMERA, T_world_cam=transform(None, [0.01, 0.02, 0.0]) @ CAMERA.T_world_cam)
    seen = observed([0.45, 0.05], camera=wrong)
    off = [np.linalg.norm(p.locate(seen, seen.truth, TABLE_Z)[:2] - [0.45, 0.05]) for p in (primitive, relative)]
    assert off[0] > 0.02
    assert off[1] < 0.65 * off[0]


def test_absolute_and_relative_agree_where_nothing_is_wrong(primitive):
    seen = observed([0.45, 0.05])
    relative = GraspPrimitive(BODY, ROBOT.xml_path, primitive.grasp, GraspConfig(correction="relative"))
    assert np.allclose(primitive.locate(seen, seen.truth, TABLE_Z)[:2], [0.45, 0.05], atol=1e-6)
    assert np.allclose(relative.locate(seen, seen.truth, TABLE_Z)[:2], [0.45, 0.05], atol=1e-6)


def test_a_plan_has_its_phases_in_order_and_starts_where_the_arm_is(primitive):
    seen = observed([0.45, 0.05])
    plan = primitive.plan(seen, seen.truth, TABLE_Z)
    order = list(Phase)
    numbers = [order.index(move.phase) for move in plan.moves]
    assert numbers == sorted(numbers)
    assert {Phase.APPROACH, Phase.CLOSE, Phase.LIFT, Phase.RETREAT} == {move.phase for move in plan.moves}
    paths = [move.path for move in plan.moves if hasattr(move, "path")]
    assert np.allclose(paths[0].positions[0], BODY.home[:7])
    for before, after in zip(paths[:-1], paths[1:], strict=True):
        assert np.allclose(before.positions[-1], after.positions[0], atol=1e-6)


def cell_with(hulls, mass_kg=0.08, at=(0.45, 0.05), yaw=0.7) -> SimCell:
    """A cell above one object, without images."""
    T = transform(axis_angle([0, 0, 1], yaw), [*at, TABLE_Z])
    physics = PhysicsScene(TABLE_Z, BODY.home, (RigidObject("target", hulls, mass_kg, 0.8, T),))
    seen = observed(at)
    record = FrameRecord(
        seen.image,
        BODY.name,
        np.zeros((21, 2)),
        np.zeros(21, np.uint8),
        K=CAMERA.K,
        T_world_cam=CAMERA.T_world_cam,
        keypoints_world=KINEMATICS.keypoints(KINEMATICS.link_poses(BODY.home)),
    )
    middle = np.array([*at, TABLE_Z + 0.05])
    trial = Trial(0, 0, record, None, physics, seen.truth, middle, 0.05)
    worlds = MujocoPhysics(ROBOT).open([physics])
    return SimCell(trial, SimpleNamespace(robot=ROBOT), worlds, 0)


class Seeing:
    """Returns the true points, or points with an offset."""

    name = "seeing"

    def __init__(self, off=(0.0, 0.0)):
        self.off = np.array(off)

    def reset(self, seed):
        pass

    def predict(self, observation):
        return replace(observation.truth, target=observation.truth.target + self.off)


def test_the_doll_is_lifted_and_carried(primitive):
    cell = cell_with(convex_parts("dinosaur"))
    outcome = run_trial(Seeing(), cell, primitive)
    assert (outcome.result, outcome.phase) == (Result.SUCCESS, Phase.DONE), outcome
    assert outcome.lifted_mm > 50
    with pytest.raises(SafetyStop, match="the trial has ended"):
        cell.hand(BODY.home[7:], 0.1)


def test_a_cube_is_lifted_by_the_default_grasp():
    side = np.stack(np.meshgrid([-0.03, 0.03], [-0.03, 0.03], [0.0, 0.06]), -1).reshape(-1, 3)
    default = GraspPrimitive(BODY, ROBOT.xml_path, grasp_for("a thing nobody knows"))
    assert default.grasp.target == DEFAULT
    lifted = [run_trial(Seeing(), cell_with((side,), yaw=yaw), default).success for yaw in (0.0, 0.4, 0.8)]
    assert all(lifted)


def test_a_point_beside_the_doll_is_a_localisation_failure(primitive):
    outcome = run_trial(Seeing((30, 0)), cell_with(convex_parts("dinosaur")), primitive)
    assert outcome.result is Result.LOCALISATION, outcome
    assert outcome.target_error_px == pytest.approx(30)
    assert outcome.target_error_mm > 60


def test_a_too_heavy_doll_slips(primitive):
    outcome = run_trial(Seeing(), cell_with(convex_parts("dinosaur"), mass_kg=8.0), primitive)
    assert outcome.result is Result.SLIP, outcome
    assert outcome.lifted_mm < 50


def test_grasps_round_trip_and_cover_the_targets():
    assert set(TARGETS) | {DEFAULT} <= set(targets_of(LEAP))
    for grasp in map(grasp_for, targets_of(LEAP)):
        again = from_json(to_json(grasp))
        assert np.allclose(again.T_table_palm, grasp.T_table_palm, atol=1e-4)
        assert 0 < grasp.successes <= grasp.trials
        limits = BODY.limits[7:]
        for pose in (grasp.open, grasp.closed):
            assert (pose >= limits[:, 0] - 1e-6).all()
            assert (pose <= limits[:, 1] + 1e-6).all()
