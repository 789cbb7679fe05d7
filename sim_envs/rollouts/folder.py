"""The output folder: parts, and one joined dataset of all finished parts; each is published atomically.

out/rollouts.json          the configuration
out/parts/part-00000/      part.json, dataset/ (episodes of its trials)
out/dataset                link to the newest joined dataset; switched over at once
out/frames/                labelled frames, where wanted
"""

import json
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lace.core.files import TEMPORARY_SUFFIX, remove_leftovers, sync
from lace.core.provenance import commit
from lace.core.run_identity import RunIdentity
from sim_envs.config.sources import sources_of
from sim_envs.rollouts.config import RolloutsConfig

RUN_ONLY = ("out", "trials", "device")
"""Options that do not change what a trial gives: a finished run may be made longer."""
PACKAGES = ("isaaclab", "newton", "warp-lang", "mujoco", "torch", "numpy", "lerobot")
JOINED = ".dataset-"


def identity(config: RolloutsConfig) -> dict[str, Any]:
    """The options that decide the rollouts, as JSON values."""
    values = json.loads(json.dumps(asdict(config), default=str))
    return {name: value for name, value in values.items() if name not in RUN_ONLY} | sources_of(config)


@contextmanager
def opened_folder(config: RolloutsConfig) -> Generator[None]:
    """Claims and locks the output folder, and removes unfinished work of a killed run.

    Raises:
        DatasetError: The folder holds something else or rollouts of another configuration, or another run writes to it.
    """
    out = config.out
    versions = {name: version(name) for name in PACKAGES}
    origin = {"kind": "rollouts", "config": identity(config), "versions": versions, "commit": commit()}
    with RunIdentity(out / "rollouts.json", "rollouts", origin).opened():
        (out / "parts").mkdir(exist_ok=True)
        for left in [*out.glob(f"parts/*{TEMPORARY_SUFFIX}"), *out.glob(f"{JOINED}*")]:
            if left.name != _joined_name(out):
                shutil.rmtree(left)
        remove_leftovers(out)
        remove_leftovers(out / "frames" / "shards")
        yield


def part_path(out: Path, part: int) -> Path:
    """out/parts/part-00000."""
    return out / "parts" / f"part-{part:05d}"


def read_part(out: Path, part: int) -> dict[str, Any]:
    """What part.json says: results of its trials, episodes, frames."""
    return json.loads((part_path(out, part) / "part.json").read_text())


@contextmanager
def published_folder(path: Path) -> Generator[Path]:
    """Yields a temporary folder that becomes `path`, on disk and all at once, if the block ends well."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.rglob("*"):
            sync(file)
        os.replace(temporary, path)
        sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _joined_name(out: Path) -> str:
    link = out / "dataset"
    return os.readlink(link) if link.is_symlink() else ""


def joined_parts(out: Path) -> int:
    """How many parts out/dataset holds the episodes of."""
    return int(_joined_name(out).removeprefix(JOINED) or 0)


def join_parts(out: Path, upto: int, join: Callable[[list[Path], Path], None]) -> None:
    """Brings out/dataset up to the first `upto` parts, one after the other; parts without an episode add nothing.

    Args:
        out: The folder.
        upto: Parts, all finished.
        join: Makes one dataset of several.
    """
    for part in range(joined_parts(out), upto):
        if not read_part(out, part)["episodes"]:
            continue
        old = _joined_name(out)
        new = out / f"{JOINED}{part + 1:05d}"
        with published_folder(new) as folder:
            folder.rmdir()  # lerobot wants to make it
            join([*([out / old] if old else []), part_path(out, part) / "dataset"], folder)
        link = out / f"dataset{TEMPORARY_SUFFIX}"
        link.symlink_to(new.name)
        os.replace(link, out / "dataset")
        sync(out)
        if old:
            shutil.rmtree(out / old)
