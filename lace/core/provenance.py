"""Commit and package versions that a result depends on."""

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("torch", "transformers", "lace-testbed")
_COMPUTING = ("lace-testbed", "torch", "transformers", "numpy", "pyarrow", "warp-lang", "newton", "mujoco")


def commit() -> str:
    """Commit of the code that runs, "+changes" if the tree differs from it; "unknown" outside a checkout."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=here, check=True, capture_output=True, text=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def environment() -> dict[str, str]:
    """What must be the same on every machine that makes parts of one result: code, Python, packages."""
    return {"commit": commit(), "Python": ".".join(platform.python_version_tuple()[:2]), **versions(_COMPUTING)}


def versions(names: Sequence[str] = _PACKAGES) -> dict[str, str]:
    """Versions of the packages a result depends on."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed as a package"
    return found
