"""Every body by the name of its embodiment."""

from collections.abc import Callable
from functools import partial

from assets.humans import HUMANS
from assets.robots import ROBOTS
from lace.core.errors import InvalidValueError
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


def require_robot(body: Body) -> RobotBody:
    """`body` as the robot that it is; InvalidValueError if it is a human."""
    if not isinstance(body, RobotBody):
        raise InvalidValueError(
            "opening a robot", f"{body.embodiment.name} is no robot", "a robot", "choose another with --embodiment"
        )
    return body
