"""Engines by name."""

import pytest

from assets.robots import ROBOTS
from lace.core.errors import UnknownNameError
from sim_envs.physics.engines import PHYSICS, fastest
from sim_envs.physics.mujoco import MujocoPhysics


def test_the_fastest_engine_of_a_device_is_registered():
    assert {fastest("cpu"), fastest("cuda:1")} <= set(PHYSICS) and fastest("cpu") != fastest("cuda:1")
    assert isinstance(PHYSICS[fastest("cpu")](ROBOTS["xarm7_leap"](None), "cpu"), MujocoPhysics)


def test_an_unknown_engine_error_lists_the_engines():
    with pytest.raises(UnknownNameError, match="isaac"):
        PHYSICS["isac"]
