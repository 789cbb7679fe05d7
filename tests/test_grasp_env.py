"""The gymnasium environment: gymnasium's own checker, spaces, seeds, controls, and no leak."""

import gc
import resource
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import sim_envs
from assets.robots import ROBOTS
from lace.core.errors import InvalidValueError, UnknownNameError
from lace.core.kinematics import Kinematics
from sim_envs.grasp_env.config import GraspEnvConfig
from sim_envs.grasp_env.controls import ARM_SPEED, HAND_SPEED, PALM_SPEED, JointControl, PalmControl

SMALL = {"episode_s": 0.5, "preset": "clean"}


@pytest.fixture(scope="module")
def body():
    return ROBOTS["xarm7_leap"](None).embodiment


@pytest.fixture(scope="module")
def env():
    made = gymnasium.make(sim_envs.ENVIRONMENT, disable_env_checker=True, render_mode="rgb_array", **SMALL)
    yield made.unwrapped
    made.close()


def test_render_gives_what_the_camera_sees(env):
    seen, _facts = env.reset(seed=2)
    assert np.array_equal(env.render(), seen["image"])


def test_an_episode_is_as_long_as_it_says(env):
    env.reset(seed=0)
    ends = [env.step(env.action_space.sample())[2:4] for _ in range(5)]
    assert ends == [(False, False)] * 4 + [(False, True)]


def test_a_seed_decides_everything(env):
    runs = []
    for _ in range(2):
        first, _facts = env.reset(seed=7)
        seen, reward, _terminated, _truncated, facts = env.step(np.full(env.action_space.shape, 0.3, np.float32))
        runs.append((first, seen, reward, facts))
    np.testing.assert_equal(runs[0], runs[1])
    assert env.reset(seed=8)[1]["trial"] != runs[0][3]["trial"]


def test_joints_follow_their_actions(env):
    first, _facts = env.reset(seed=3)
    action = np.zeros(env.action_space.shape, np.float32)
    action[0] = 1 if first["joint_positions"][0] < 0 else -1
    for _ in range(4):
        seen = env.step(action)[0]
    moved = seen["joint_positions"] - first["joint_positions"]
    told = action[0] * 4 * ARM_SPEED / env.config.rate_hz
    assert abs(moved[0] - told) < 0.2  # the arm lags by a tenth of a second
    assert np.abs(moved[1:7]).max() < 0.05


def test_a_hundred_steps_do_not_leak(env):
    """Peak memory stays where it is after a warm-up; ru_maxrss is in KiB on Linux."""

    def episodes(count):
        for number in range(count):
            env.reset(seed=number)
            for _ in range(5):
                env.step(env.action_space.sample())
        gc.collect()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    before = episodes(4)
    assert episodes(20) - before < 50


def test_gymnasiums_checker_has_no_complaint(env):
    """After all other tests of `env`, for it closes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*infinity.*")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        check_env(env, skip_render_check=True)


def test_worlds_of_the_vector_form_are_apart():
    made = gymnasium.make_vec(
        sim_envs.ENVIRONMENT, num_envs=3, vectorization_mode="vector_entry_point", **SMALL | {"observations": ("state", "keypoints")}
    )  # fmt: skip
    seen, facts = made.reset(seed=1)
    assert made.observation_space.contains(seen) and len(set(facts["trial"])) == 3
    action = np.zeros(made.action_space.shape, np.float32)
    action[1, 0] = 1
    for _ in range(5):
        after, reward, terminated, truncated, _facts = made.step(action)
    turned = np.abs(after["joint_positions"] - seen["joint_positions"])[:, 0]
    assert turned[1] > 0.3 and turned[[0, 2]].max() < 0.02
    assert reward.shape == (3,) and truncated.all() and not terminated.any()
    _seen, reward, _terminated, truncated, again = made.step(action)
    assert not reward.any() and not truncated.any() and set(again["trial"]) != set(facts["trial"])
    made.close()


def test_the_palm_moves_along_the_base_axes(body):
    control, kinematics = PalmControl(body, 0.1), Kinematics(body)
    palm = kinematics.link_index[body.palm_link]
    start = np.tile(body.home, (3, 1))
    actions = np.zeros((3, control.size))
    actions[np.arange(3), np.arange(3)] = -1, 1, -1
    before, after = (kinematics.link_poses(q)[:, palm] for q in (start, control.targets(start, actions)))
    moved = after[:, :3, 3] - before[:, :3, 3]
    assert np.abs(moved - actions[:, :3] * PALM_SPEED * 0.1).max() < 2e-3
    assert np.abs(after[:, :3, :3] - before[:, :3, :3]).max() < 0.02


def test_targets_stay_within_limits(body):
    for kind in (JointControl, PalmControl):
        control, q = kind(body, 0.1), body.home[None]
        for _ in range(60):
            q = control.targets(q, np.ones((1, control.size)))
        assert (q >= body.limits[:, 0] - 1e-9).all() and (q <= body.limits[:, 1] + 1e-9).all()
    step = JointControl(body, 0.1).targets(body.home[None], np.ones((1, len(body.joints)))) - body.home
    assert step.max() <= 0.1 * HAND_SPEED + 1e-9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"observations": ("smell",)}, "unknown smell"),
        ({"actions": "torque"}, "joint or end_effector"),
        ({"rate_hz": 0}, "1 to 50 Hz"),
        ({"width": 8}, "at least 32"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(InvalidValueError, match=message):
        GraspEnvConfig(**options)


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(UnknownNameError, match="kitchen"):
        GraspEnvConfig(preset="kitchn")
