"""The output folder: parts, and one joined dataset of all finished parts; each is published atomically.

out/rollouts.json          the configuration
out/parts/part-00000/      part.json, dataset/ (episodes of its trials)
out/dataset                link to the newest joined dataset; switched over at once
out/frames/                labelled frames, where wanted
"""

import json
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lace.core.files import TEMPORARY_SUFFIX, reading, remove_leftovers, sync
from lace.core.lock import LOCK_NAME, locked_folder
from lace.core.parts import Part
from lace.core.provenance import commit
from lace.core.run_identity import RunIdentity
from lace.core.workers import WORKER_OPTIONS
from sim_envs.config.sources import trial_sources_of
from sim_envs.rollouts.config import RolloutsConfig

RUN_ONLY = ("out", "trials", "device", "part", *WORKER_OPTIONS)
"""Options that do not change what a trial gives: a finished run may be made longer."""
PACKAGES = ("isaaclab", "newton", "warp-lang", "mujoco", "torch", "numpy", "lerobot")
JOINED = ".dataset-"
FRAMES = "frames.parquet"
"""In a part: its labelled frames until they are joined."""
_JOIN_S = 3600.0
"""How long the part that finishes last but one may join before another gives up [s]."""


def identity(config: RolloutsConfig) -> dict[str, Any]:
    """The options that decide the rollouts, as JSON values."""
    values = json.loads(json.dumps(asdict(config), default=str))
    return {name: value for name, value in values.items() if name not in RUN_ONLY} | trial_sources_of(config)


@contextmanager
def opened_folder(config: RolloutsConfig) -> Generator[None]:
    """Claims and locks the output folder, and removes unfinished work of a killed run.

    Raises:
        DatasetError: The folder holds something else or rollouts of another configuration, or another run writes to it.
    """
    out, part = config.out, Part.named(config.part)
    versions = {name: version(name) for name in PACKAGES}
    origin = {"kind": "rollouts", "config": identity(config), "versions": versions, "commit": commit()}
    with RunIdentity(out / "rollouts.json", "rollouts", origin).opened(part):
        (out / "parts").mkdir(exist_ok=True)
        for mine in config.mine if part else ["*"]:
            name = part_path(out, mine).name if isinstance(mine, int) else mine
            for left in out.glob(f"parts/{name}.*{TEMPORARY_SUFFIX}"):
                shutil.rmtree(left)
        if not part:
            remove_leftovers(out)
        yield


@contextmanager
def joining(out: Path) -> Generator[None]:
    """Holds the right to write what joins the parts, out/dataset and out/frames, and removes what a kill left there."""
    with locked_folder(out, "one process that joins the parts", f"{LOCK_NAME}-join", wait_s=_JOIN_S):
        for left in out.glob(f"{JOINED}*"):
            if left.name != _joined_name(out):
                shutil.rmtree(left)
        (out / f"dataset{TEMPORARY_SUFFIX}").unlink(missing_ok=True)
        remove_leftovers(out / "frames" / "shards")
        yield


def is_made(out: Path, part: int) -> bool:
    """Whether a part is finished."""
    return part_path(out, part).is_dir()


def part_path(out: Path, part: int) -> Path:
    """out/parts/part-00000."""
    return out / "parts" / f"part-{part:05d}"


def read_part(out: Path, part: int) -> dict[str, Any]:
    """What part.json says: results of its trials, episodes, frames."""
    path = part_path(out, part) / "part.json"
    with reading(path, "the results of a part", f"remove {path.parent}: the same command makes it again"):
        return dict(json.loads(path.read_bytes()))


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


def join_steps(parts: int) -> Iterator[int]:
    """How many parts each join reaches: one more at first, then a quarter more, all at the end.

    So the work of joining grows with the parts, not with their square, and does not depend on who made them when.
    """
    reached = 0
    while reached < parts:
        reached = min(reached + max(1, reached // 4), parts)
        yield reached


def join_parts(out: Path, upto: int, join: Callable[[list[Path], Path], None]) -> None:
    """Brings out/dataset from `joined_parts` to the first `upto` parts; parts without an episode add nothing.

    Args:
        out: The folder.
        upto: Parts, all finished.
        join: Makes one dataset of several.
    """
    old = _joined_name(out)
    fresh = [part for part in range(joined_parts(out), upto) if read_part(out, part)["episodes"]]
    if not fresh:
        return
    new = out / f"{JOINED}{upto:05d}"
    with published_folder(new) as folder:
        folder.rmdir()  # lerobot wants to make it
        join([*([out / old] if old else []), *(part_path(out, part) / "dataset" for part in fresh)], folder)
    link = out / f"dataset{TEMPORARY_SUFFIX}"
    link.symlink_to(new.name)
    os.replace(link, out / "dataset")
    sync(out)
    if old:
        shutil.rmtree(out / old)
