"""What installed packages and modules of the working directory add to our registries; imported when it is used.

In a package's pyproject.toml:

[project.entry-points."lace.embodiments"]
my_hand = "my_hand:MY_HAND"
"""

import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from lace.core.errors import AssetError

PACKAGES = ("lace", "assets", "policies", "sim_envs", "real_bridge")
"""Our own."""


@dataclass(frozen=True)
class Plugin:
    """One entry point."""

    entry: EntryPoint

    @property
    def package(self) -> str:
        """Name and version of the package that has it."""
        return f"{self.entry.dist.name} {self.entry.dist.version}" if self.entry.dist else "a package"

    @property
    def module(self) -> str:
        """Name of its package in Python ("my_hand")."""
        return self.entry.module.partition(".")[0]

    def load(self) -> Any:
        """Imports it; AssetError with the package's name if that fails."""
        try:
            return self.entry.load()
        except Exception as error:  # whatever another's code raises
            raise AssetError(
                f"loading {self.entry.name!r} ({self.entry.group}) of the package {self.package}",
                f"{type(error).__name__}: {error}",
                f"{self.entry.value} to be importable",
                "update or uninstall that package, or tell its author",
            ) from error


@cache
def plugins(group: str) -> dict[str, Plugin]:
    """Plugins by name. "lace.drivers:arm" stands for those of "lace.drivers" named "arm.NAME"."""
    group, _, prefix = group.partition(":")
    start = f"{prefix}." if prefix else ""
    found = {entry.name: Plugin(entry) for entry in entry_points(group=group) if entry.name.startswith(start)}
    return {name.removeprefix(start): plugin for name, plugin in sorted(found.items())}


def imported(module: str, name: str) -> Any:
    """`name` of `module`, which may lie in the working directory.

    Raises:
        ImportError: There is no such module, or it cannot be imported.
        AttributeError: The module has no such name.
    """
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    return getattr(import_module(module), name)
