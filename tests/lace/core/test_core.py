"""Properties of `lace/core`: geometry, cameras, draws, registry, kinematics of an arm computed by hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lace.core.camera import PinholeCamera, intrinsics
from lace.core.draws import Draws, generator
from lace.core.embodiment import Curl, Embodiment, Joint
from lace.core.errors import InvalidValueError, UnknownNameError
from lace.core.geometry import (
    apply,
    axis_angle,
    invert,
    look_at,
    minimum_jerk,
    quat_wxyz_from_rotation,
    rotation_from_quat_wxyz,
    transform,
)
from lace.core.keypoints import NAMES, SKELETON, Visibility, keypoint_box
from lace.core.kinematics import Kinematics
from lace.core.registry import Registry

RNG = np.random.default_rng(0)
ROTATIONS = Rotation.random(200, random_state=0).as_matrix()


def test_invert_undoes():
    T = transform(ROTATIONS, RNG.normal(size=(200, 3)))
    assert np.allclose(T @ invert(T), np.eye(4))


def test_quaternions_round_trip_and_agree_with_scipy():
    quat = quat_wxyz_from_rotation(ROTATIONS)
    assert np.allclose(rotation_from_quat_wxyz(quat), ROTATIONS)
    theirs = Rotation.from_matrix(ROTATIONS).as_quat(canonical=True, scalar_first=True)
    assert np.allclose(quat, theirs)


@pytest.mark.parametrize("angle", [np.pi, np.pi - 1e-9, 0.0])
def test_quaternion_of_half_turns_is_finite(angle):
    R = axis_angle([0, 1, 0], angle)
    assert np.allclose(rotation_from_quat_wxyz(quat_wxyz_from_rotation(R)), R)


def test_axis_angle_is_the_exponential_map():
    axis = np.array([1, 2, 2]) / 3
    assert np.allclose(axis_angle(axis, 0.7), Rotation.from_rotvec(0.7 * axis).as_matrix())


def test_a_camera_sees_its_target_at_the_principal_point_and_up_is_up():
    T = look_at([1.0, -2, 3], [0.2, 0.1, 0.4])
    camera = PinholeCamera(intrinsics(0.8, 640, 480), T, 640, 480)
    uv, depth = camera.project(np.array([[0.2, 0.1, 0.4], [0.2, 0.1, 0.5]]))
    assert np.allclose(uv[0], [320, 240]) and depth[0] > 0
    assert uv[1, 1] < uv[0, 1]


def test_unproject_undoes_project():
    T = look_at(RNG.normal(size=(5, 3)) + [3, 0, 1], np.zeros(3), 0.3)
    camera = PinholeCamera(intrinsics(np.full(5, 0.9), 224, 160, np.tile([100.0, 90.0], (5, 1))), T, 224, 160)
    points = RNG.uniform(-0.3, 0.3, (5, 7, 3))
    assert np.allclose(camera.unproject(*camera.project(points)), points)


def test_unequal_focal_lengths_are_refused():
    K = intrinsics(0.8, 64, 64)
    K[1, 1] *= 1.01
    with pytest.raises(InvalidValueError, match="square pixels"):
        PinholeCamera(K, np.eye(4), 64, 64)


def test_minimum_jerk_starts_and_ends_at_rest():
    s = np.linspace(0, 1, 1001)
    speed = np.gradient(minimum_jerk(s), s)
    assert minimum_jerk(0) == 0 and minimum_jerk(1) == 1 and speed[0] < 1e-4 and speed[-1] < 1e-4
    assert (np.diff(minimum_jerk(s)) >= 0).all()


def test_draws_depend_on_seed_index_attempt_and_name_alone():
    whole = Draws(3, np.arange(100)).uniform("a", 0, 1, 4)
    assert np.array_equal(whole[[7, 50]], Draws(3, [7, 50]).uniform("a", 0, 1, 4))
    others = [Draws(4, np.arange(100)).uniform("a", 0, 1, 4), Draws(3, np.arange(100), 1).uniform("a", 0, 1, 4)]
    others.append(Draws(3, np.arange(100)).uniform("b", 0, 1, 4))
    for other in others:
        assert abs(np.corrcoef(whole.ravel(), other.ravel())[0, 1]) < 0.2 and not np.array_equal(whole, other)


def test_draws_have_the_distributions_they_claim():
    draws = Draws(0, np.arange(40000))
    uniform, normal, choice = draws.uniform("u", -1, 3), draws.normal("n", 2.0), draws.choice("c", 5)
    assert uniform.min() >= -1 and uniform.max() < 3 and abs(uniform.mean() - 1) < 0.03
    assert abs(normal.mean()) < 0.04 and abs(normal.std() - 2) < 0.04
    assert np.allclose(np.bincount(choice) / 40000, 0.2, atol=0.01)
    assert draws.record.keys() == {"u", "n", "c"}


def test_registry_refuses_duplicates_and_names_the_nearest():
    rooms = Registry("room")
    rooms.add("kitchen", 1)
    with pytest.raises(InvalidValueError, match="registered already"):
        rooms.add("kitchen", 2)
    with pytest.raises(UnknownNameError, match="'kitchen' if that was meant"):
        rooms["kichen"]


def test_keypoints_are_21_in_openpose_order():
    assert len(NAMES) == 21 and NAMES[4] == "thumb_tip" and NAMES[20] == "little_tip" and len(SKELETON) == 20


def test_keypoint_box_spans_wrist_and_fingertips_in_view():
    uv = np.stack([np.arange(21.0), 10 * np.arange(21.0)], 1)
    state = np.full(21, Visibility.VISIBLE)
    assert keypoint_box(uv, state).tolist() == [0, 0, 20, 200]
    state[17:] = Visibility.ABSENT
    assert keypoint_box(uv, state).tolist() == [0, 0, 16, 160]
    assert np.isnan(keypoint_box(uv, np.full(21, Visibility.OUT_OF_VIEW))).all()


def test_forward_kinematics_of_a_two_link_arm():
    def hinge(name, parent, child, x):
        T = tuple(map(tuple, transform(None, [x, 0, 0])))
        return Joint(name, parent, child, T, (0, 0, 1), -3, 3, 1, 1, 1, 0)

    joints = (hinge("b", "one", "two", 1.0), hinge("a", "base", "one", 0.0))  # children first on purpose
    tip = (("two", "tip", tuple(map(tuple, transform(None, [0.5, 0, 0])))),)
    arm = Embodiment("arm", "base", joints, ("base", "one", "two", "tip"), tip, (), (), "two", (0, 0, 0), ())
    T = Kinematics(arm).link_poses(np.array([[np.pi / 2, np.pi / 2]]))[0]
    assert np.allclose(apply(T[2], [[0, 0, 0]]), [[0, 1, 0]]) and np.allclose(T[3, :3, 3], [-0.5, 1, 0])


def test_a_slide_joint_moves_its_child_and_fingers_are_attached_to_the_palm():
    turned = transform(axis_angle([0, 0, 1], np.pi / 2), [0.1, 0, 0])
    rows = tuple(map(tuple, turned))
    joints = (
        Joint("lift", "base", "palm", rows, (0, 1, 0), 0, 1, 1, 1, 1, 0, kind="slide"),
        Joint("grip", "palm", "finger", rows, (1, 0, 0), 0, 0.1, 1, 1, 1, 0, kind="slide", curl=Curl(1.0, 0.0)),
    )
    tip = (("finger", "tip", tuple(map(tuple, np.eye(4)))),)
    arm = Embodiment("arm", "base", joints, ("base", "palm", "finger", "tip"), tip, (), (), "palm", (0, 0, 0), ())
    T = Kinematics(arm).link_poses(np.array([[0.3, 0.05], [0, 0]]))
    assert np.allclose(T[0, 1, :3, 3] - T[1, 1, :3, 3], [-0.3, 0, 0]) and np.allclose(T[0, 1, :3, :3], turned[:3, :3])
    assert np.allclose(T[0, 3, :3, 3] - T[0, 1, :3, 3] - (T[1, 3, :3, 3] - T[1, 1, :3, 3]), [-0.05, 0, 0])
    assert arm.fingers == (("finger", "tip"),) and arm.arm_dof == 1
    assert arm.hand_at(0) == pytest.approx(0.1) and arm.hand_at(1) == 0 and arm.hand_at(2) == 0


@pytest.mark.parametrize("seed", [0, 3, -1, 2**63, 2**64 + 3, -(2**80)])
def test_any_integer_is_a_seed(seed):
    first, again = generator(seed, 5).random(4), generator(seed, 5).random(4)
    assert (first == again).all() and (first != generator(seed + 1, 5).random(4)).any()
    assert (Draws(seed, [0]).unit("a", 4) == Draws(seed + 2**64, [0]).unit("a", 4)).all()
    assert (generator(seed).random(4) == generator(seed + 2**64).random(4)).all()


def test_registry_makes_what_it_does_not_know_from_its_text_and_once():
    made = []
    numbers = Registry("number", own=lambda text: made.append(text) or int(text) if text.isdigit() else None)
    numbers.add("one", 1)
    assert "12" in numbers and numbers["12"] == 12 and numbers["12"] == 12 and made == ["12"]
    assert "on" not in numbers and numbers.names() == ("one",)
    with pytest.raises(UnknownNameError, match="'one' if that was meant"):
        numbers["on"]
