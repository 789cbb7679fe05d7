"""The gymnasium environment: gymnasium's own checker, spaces, seeds, controls, no memory leak."""

import warnings
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import sim_envs
from assets.robots import ROBOTS
from lace.core.errors import InvalidValueError, UnknownNameError
from lace.core.kinematics import Kinematics
from sim_envs.config.axes import HandAxis
from sim_envs.config.presets import PRESETS
from sim_envs.grasp_env.config import checked_mode, options_of
from sim_envs.grasp_env.controls import ARM_SPEED, HAND_SPEED, PALM_SPEED, JointControl, PalmControl
from tests.leaks import ROUNDS, growth

AXES = replace(PRESETS["clean"], hand=HandAxis(poses=64))
SMALL = {"episode_s": 0.5, "preset": "clean", "axes": AXES}
WORLDS = 3


@pytest.fixture(scope="module")
def body():
    return ROBOTS["xarm7_leap"](None).embodiment


@pytest.fixture(scope="module")
def env():
    made = gymnasium.make(sim_envs.ENVIRONMENT, disable_env_checker=True, **SMALL)
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


def test_a_hundred_steps_and_twenty_resets_do_not_leak(env):
    kept = []

    def episode():
        env.reset(seed=1)
        for _ in range(5):
            env.step(env.action_space.sample())

    grown = growth(episode, warm_up=4, times=20)
    assert not grown.objects and grown.memory_MiB < 10

    def hoard():
        episode()
        kept.append(env.worlds.trials[0])

    assert growth(hoard, warm_up=1, times=ROUNDS).objects["sim_envs.trials.source.Trial"] == ROUNDS, (
        "a leak would be seen"
    )


def test_gymnasiums_checker_passes(env):
    """Runs after all other tests of `env`, because it closes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*infinity.*")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        check_env(env, skip_render_check=True)


@pytest.fixture(scope="module")
def vector():
    made = gymnasium.make_vec(
        sim_envs.ENVIRONMENT,
        num_envs=WORLDS,
        vectorization_mode="vector_entry_point",
        **SMALL | {"observations": ("state", "keypoints"), "terminate_on_success": True},
    )
    yield made
    made.close()


def still(vector) -> np.ndarray:
    return np.zeros(vector.action_space.shape, np.float32)


def test_worlds_of_the_vector_form_are_apart(vector):
    seen, facts = vector.reset(seed=1)
    assert vector.observation_space.contains(seen) and len(set(facts["trial"])) == WORLDS
    action = still(vector)
    action[1, 0] = 1
    for _ in range(5):
        after, reward, terminated, truncated, _facts = vector.step(action)
    turned = np.abs(after["joint_positions"] - seen["joint_positions"])[:, 0]
    assert turned[1] > 0.3 and turned[[0, 2]].max() < 0.02
    assert reward.shape == (WORLDS,) and truncated.all() and not terminated.any()
    _seen, reward, _terminated, truncated, again = vector.step(action)
    assert not reward.any() and not truncated.any() and set(again["trial"]) != set(facts["trial"])


def test_a_mask_resets_only_its_worlds_and_each_ends_in_its_own_time(vector):
    vector.reset(seed=1)
    vector.step(still(vector))
    before, _reward, _terminated, _truncated, facts = vector.step(still(vector))
    mask = np.array([False, True, False])
    seen, new = vector.reset(options={"reset_mask": mask})
    assert ((new["trial"] != facts["trial"]) == mask).all()
    assert ((seen["target_pose"] == before["target_pose"]).all(1) == ~mask).all()
    ends = [vector.step(still(vector)) for _ in range(6)]
    assert [end[3].tolist() for end in ends] == [[k == 2, k == 4, k == 2] for k in range(6)]
    rewards = np.stack([end[1] for end in ends])
    assert ((rewards == 0) == [[k == 3, k == 5, k == 3] for k in range(6)]).all(), "a fresh world has earned nothing"
    assert (ends[3][4]["trial"] != new["trial"]).tolist() == [True, False, True]


def test_a_reset_does_not_affect_other_worlds(vector):
    """Resetting other worlds does not change the motion of a world."""
    action, ways = still(vector), []
    action[:, 1] = 0.5
    for mask in (None, np.array([True, False, False])):
        vector.reset(seed=5)
        vector.step(action)
        if mask is not None:
            vector.reset(options={"reset_mask": mask})
        ways.append(vector.step(action)[0])
    for name, value in ways[0].items():
        assert np.array_equal(value[1:], ways[1][name][1:]), name


def test_success_ends_an_episode_if_configured(vector, monkeypatch):
    vector.reset(seed=1)
    judged = vector.worlds._judged
    monkeypatch.setattr(vector.worlds, "_judged", lambda: judged() | {"success": np.array([False, True, False])})
    _seen, _reward, terminated, truncated, facts = vector.step(still(vector))
    assert terminated.tolist() == [False, True, False] and not truncated.any()
    _seen, reward, terminated, _truncated, new = vector.step(still(vector))
    assert (reward == 0).tolist() == [False, True, False] and not terminated.any()
    assert (new["trial"] != facts["trial"]).tolist() == [False, True, False]


@pytest.mark.parametrize("mask", [[True, False], [1, 0, 0], [False] * WORLDS])
def test_a_mask_that_fits_no_worlds_is_refused(vector, mask):
    with pytest.raises(InvalidValueError, match="3 times true or false"):
        vector.reset(options={"reset_mask": np.array(mask)})


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
        ({"rate_hz": 0}, "1 to 50"),
        ({"width": 8}, "32 to 8192"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(InvalidValueError, match=message):
        options_of(**options)


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(UnknownNameError, match="kitchen"):
        options_of(preset="kitchn")
    with pytest.raises(UnknownNameError, match="isaac"):
        options_of(physics="isac")


def test_other_render_modes_are_refused():
    with pytest.raises(InvalidValueError, match="render_mode"):
        checked_mode("ansi")
    assert checked_mode(None) is None


def test_every_world_renders(vector):
    vector.reset(seed=0)
    pictures = vector.render()
    side = vector.unwrapped.config.width
    assert len(pictures) == WORLDS and {picture.shape for picture in pictures} == {(side, side, 3)}
    assert not np.array_equal(pictures[0], pictures[1])
