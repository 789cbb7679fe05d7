"""Every body by the name of its embodiment."""

from collections.abc import Callable
from functools import partial

from assets.humans import HUMANS
from assets.robots import ROBOTS
from lace.core.registry import Registry
from sim_envs.bodies.human.body import HumanBody
from sim_envs.bodies.robot.body import RobotBody
from sim_envs.config.scene import SceneConfig
from sim_envs.scenes.body import Body

BODIES: Registry[Callable[[SceneConfig], Body]] = Registry("embodiment")
for _name in ROBOTS:
    BODIES.add(_name, partial(RobotBody, _name))
for _name in HUMANS:
    BODIES.add(_name, partial(HumanBody, _name))
