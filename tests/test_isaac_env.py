"""The gymnasium environment on Isaac Lab's physics, in one process with the renderer; few steps, for they are slow on a CPU."""

import os
import warnings
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import sim_envs
from lace.core.errors import IntegrityError
from sim_envs.config import PRESETS, HandAxis

AXES = replace(PRESETS["clean"], hand=HandAxis(poses=64))
SMALL = {"physics": "isaac", "episode_s": 0.08, "rate_hz": 50, "preset": "clean", "axes": AXES}


@pytest.fixture(scope="module")
def env():
    made = gymnasium.make(sim_envs.ENVIRONMENT, disable_env_checker=True, render_mode="rgb_array", **SMALL).unwrapped
    yield made
    made.close()


def test_pictures_and_physics_live_side_by_side(env):
    """A picture is the same before and after physics opens and steps, and drawing leaves the state alone."""
    first, _facts = env.reset(seed=2)
    assert np.array_equal(env.render(), first["image"])
    before = env.worlds.state
    assert np.array_equal(env.render(), first["image"])
    assert np.array_equal(env.worlds._worlds.state().T_world_object, before.T_world_object)


def test_worlds_that_another_simulation_ended_say_so(env):
    env.reset(seed=0)
    ended = env.worlds._worlds
    env.reset(seed=1)
    with pytest.raises(IntegrityError, match="one simulation"):
        ended.state()


@pytest.mark.skipif("LACE_SLOW" not in os.environ, reason="half a minute on a CPU; LACE_SLOW=1 runs it")
def test_gymnasiums_checker_has_no_complaint(env):
    """Last, for it closes the environment."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*infinity.*")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        check_env(env, skip_render_check=True)
