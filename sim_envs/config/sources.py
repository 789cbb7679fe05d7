"""What decides the frames besides the options: the user's own files by content, packages by version."""

from assets.objects import OBJECTS
from assets.robots import ROBOTS
from lace.core.content import content_of
from sim_envs.config.scene import SceneConfig


def sources_of(config: SceneConfig) -> dict[str, dict[str, str]]:
    """{"sources": {name: digest or package}} of all that is not ours; empty where there is none.

    Part of a run's identity: a changed file, or another version of a package, is another run.
    """
    files = {str(path): content_of([path]) for path in (config.camera, config.backdrop) if path is not None}
    packages = {config.embodiment: ROBOTS, **dict.fromkeys(config.axes.target.names, OBJECTS)}
    named = {name: registry.origin(name) for name, registry in packages.items()}
    if config.embodiment in ROBOTS and ROBOTS[config.embodiment].sources:
        named[config.embodiment] = content_of(ROBOTS[config.embodiment].sources)
    found = files | {name: origin for name, origin in named.items() if origin}
    return {"sources": found} if found else {}
