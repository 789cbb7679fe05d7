"""What decides the frames besides the options: the user's own files by content, packages by version and code."""

from typing import Any

from assets.grasps import content_of_grasps
from assets.objects import OBJECTS
from assets.robots import ROBOTS
from lace.core.code_identity import added_code
from lace.core.content import content_of
from lace.core.registry import Registry
from sim_envs.config.scene import SceneConfig


def sources_of(config: SceneConfig) -> dict[str, dict[str, str]]:
    """{"sources": {name: digest or package}} of all that is not ours; empty where there is none.

    Part of a run's identity: a changed file, or a changed package, is another run.
    """
    files = {str(path): content_of([path]) for path in (config.camera, config.backdrop) if path is not None}
    objects = (*config.axes.target.objects, *config.axes.clutter.objects)
    named = {name: _origin(OBJECTS, name) for name in objects}
    if config.embodiment in ROBOTS:
        named[config.embodiment] = _origin(ROBOTS, config.embodiment)
    found = files | {name: origin for name, origin in named.items() if origin}
    return {"sources": found} if found else {}


def trial_sources_of(config: SceneConfig) -> dict[str, Any]:
    """`sources_of`, and the content of the grasps that trials use: a grasp that a search has found is another run."""
    if config.embodiment not in ROBOTS:
        return sources_of(config)
    robot = ROBOTS[config.embodiment]
    found = content_of_grasps(config.axes.target.objects, robot.name, robot.grasps)
    return sources_of(config) | {"grasps": found}


def _origin(registry: Registry, name: str) -> str:
    """Digest of the user's own files, or the package; empty for what is ours."""
    return content_of(registry[name].sources) if registry[name].sources else added_code(registry, name)
