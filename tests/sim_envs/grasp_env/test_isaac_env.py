"""The gymnasium environment on Isaac Lab's physics, in one process with the renderer; few steps (slow on a CPU)."""

import warnings
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import sim_envs
from sim_envs.config.axes import HandAxis
from sim_envs.config.presets import PRESETS
from tests.leaks import growth

pytestmark = pytest.mark.isaac

HAND = HandAxis(poses=64)
SMALL = {"physics": "isaac", "device": "cpu", "episode_s": 0.08, "rate_hz": 50, "preset": "clean"}
SMALL["axes"] = replace(PRESETS["clean"], hand=HAND)
"""Episodes of four steps."""


@pytest.fixture(scope="module")
def env():
    made = gymnasium.make(sim_envs.ENVIRONMENT, disable_env_checker=True, render_mode="rgb_array", **SMALL).unwrapped
    yield made
    made.close()


def test_it_runs_on_the_device_that_it_is_told(env):
    env.reset(seed=0)
    assert env.worlds._physics.name == "isaac" and env.worlds._physics.device == "cpu"


def test_pictures_and_physics_run_in_one_process(env):
    """An image is the same before and after physics opens and steps, and rendering does not change the state."""
    first, _facts = env.reset(seed=2)
    assert np.array_equal(env.render(), first["image"])
    before = env.worlds.state
    assert np.array_equal(env.render(), first["image"])
    assert np.array_equal(env.worlds._worlds.state().T_world_object, before.T_world_object)


def test_a_seed_decides_everything_whatever_was_before(env):
    """Bit-exact, also after scenes whose objects had other numbers of parts."""
    runs = []
    for _ in range(2):
        first, _facts = env.reset(seed=7)
        seen, reward, _terminated, _truncated, facts = env.step(np.full(env.action_space.shape, 0.3, np.float32))
        runs.append((first, seen, reward, facts))
        env.reset(seed=8)
    np.testing.assert_equal(runs[0], runs[1])


@pytest.mark.parametrize("times", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_steps_and_resets_do_not_leak(env, times):
    def episode():
        env.reset(seed=3)
        for _ in range(5):
            env.step(env.action_space.sample())

    grown = growth(episode, warm_up=2, times=times)
    assert not grown.objects and grown.memory_MiB < 10


def test_gymnasiums_checker_passes(env):
    """Runs after all other tests of `env`, because it closes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*infinity.*")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        check_env(env, skip_render_check=True)


def test_unlike_worlds_of_the_vector_form_end_in_their_own_time():
    """All randomisation axes: worlds differ in objects, their number, their parts, the table."""
    axes = replace(PRESETS["randomized"], hand=HAND)
    options = SMALL | {"preset": "randomized", "axes": axes, "observations": ("state",)}
    made = gymnasium.make_vec(sim_envs.ENVIRONMENT, num_envs=3, vectorization_mode="vector_entry_point", **options)
    _seen, facts = made.reset(seed=1)
    assert len({len(trial.physics.objects) for trial in made.worlds.trials}) > 1
    still, mask = np.zeros(made.action_space.shape, np.float32), np.array([False, True, False])
    made.step(still)
    before = made.step(still)[0]
    seen, new = made.reset(options={"reset_mask": mask})
    for name, value in seen.items():
        assert np.allclose(value[~mask], before[name][~mask], atol=1e-6), name
    assert ((new["trial"] != facts["trial"]) == mask).all()
    ends = [made.step(still) for _ in range(4)]
    assert [end[3].tolist() for end in ends] == [[k == 1, k == 3, k == 1] for k in range(4)]
    assert (ends[2][4]["trial"] != new["trial"]).tolist() == [True, False, True]
    for world in range(3):
        trial, target = made.worlds.trials[world], made.worlds.state.T_world_object[world, 0, :3, 3]
        assert np.linalg.norm(target - trial.physics.objects[0].T_world_object[:3, 3]) < 0.02, "it stands on its table"
    made.close()
