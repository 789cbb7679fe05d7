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


def _of_registered(name: str) -> Callable[[SceneConfig], Body] | None:
    kinds = ((HUMANS, HumanBody), (ROBOTS, RobotBody))
    return next((partial(body, name) for names, body in kinds if name in names), None)


BODIES: Registry[Callable[[SceneConfig], Body]] = Registry("embodiment", own=_of_registered)
"""Bodies besides those of every robot and every human, which are found by their own names."""


def require_robot(body: Body) -> RobotBody:
    """`body` as a RobotBody, which has joints and kinematics; InvalidValueError if it is a human."""
    if not isinstance(body, RobotBody):
        raise InvalidValueError(
            "opening a robot", f"{body.embodiment.name} is no robot", "a robot", "choose another with --embodiment"
        )
    return body
