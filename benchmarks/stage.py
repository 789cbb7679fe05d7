"""Carries packages to a machine that can install nothing from outside, in folders of at most 60 MiB.

Here, once:

    python benchmarks/stage.py wheels .stage/wheels --there there.txt    # there.txt: `pip freeze` of that machine
    python benchmarks/stage.py pack .stage/wheels .stage/volumes         # prints the volumes and the commands

There, once for each volume (it travels with the call), then once to install:

    python benchmarks/stage.py add .stage/volumes/00 /tmp/stage
    python benchmarks/stage.py install /tmp/stage /tmp/site && export PYTHONPATH=/tmp/site

A file that is larger than a volume (Warp's wheel) is cut into pieces; the SHA-256 of each file is checked in the end.
Only the standard library is used.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

VOLUME_BYTES = 60 * 2**20
"""64 MiB travel in a call, with the working tree."""
PROJECT = "lace-testbed"
NOT_NEEDED = re.compile(r"nvidia-.*|cuda-.*|triton|tensorboard.*|rerun-sdk|jupyter.*|pre-commit|gradio.*|notebook")
"""Large packages that no stage of `benchmarks.cuda` imports, and those that come with torch."""
PLATFORMS = ("2_35", "2_34", "2_31", "2_28", "2_27", "2_24", "2_17", "2_5")


def name_of(requirement: str) -> str:
    """Normalised package name of a requirement line."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement.strip())[0]).lower()


def needed(there: Iterable[str], root: str = PROJECT) -> dict[str, str]:
    """Package -> version of all that `root` needs and that is not `there` (names, or lines NAME==VERSION)."""
    present = {name_of(line) for line in there if re.match(r"[\w.-]+", line.strip())}
    found: dict[str, str] = {}
    waiting = [root]
    while waiting:
        package = distribution(waiting.pop())
        for line in package.requires or ():
            name = name_of(line)
            if "extra ==" in line or name in found or name in present or NOT_NEEDED.fullmatch(name):
                continue
            try:
                found[name] = distribution(name).version
            except PackageNotFoundError:  # for another platform
                continue
            waiting.append(name)
    return dict(sorted(found.items()))


def download(packages: dict[str, str], out: Path) -> None:
    """Fetches one wheel of each package; those that have none are built, or named where that fails."""
    out.mkdir(parents=True, exist_ok=True)
    tags = [f"--platform=manylinux_{version}_x86_64" for version in PLATFORMS] + ["--platform=manylinux2014_x86_64"]
    for name, version in packages.items():
        words = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(out), f"{name}=={version}"]
        only = ["--only-binary=:all:", "--python-version=3.12", "--implementation=cp", *tags]
        if subprocess.run([*words, *only], check=False).returncode:
            wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), f"{name}=={version}"]
            if subprocess.run(wheel, check=False).returncode:
                print(f"left out, no wheel can be fetched or built: {name} {version}", file=sys.stderr)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pieces(files: Iterable[Path], limit: int) -> Iterator[tuple[Path, int, int]]:
    """(file, first byte, bytes) of pieces of at most `limit` bytes that together are all files."""
    for path in files:
        size = path.stat().st_size
        for start in range(0, max(size, 1), limit):
            yield path, start, min(limit, size - start)


def pack(source: Path, out: Path, limit: int = VOLUME_BYTES) -> list[Path]:
    """Puts the files of `source` into volumes out/00, out/01, ...; returns them."""
    shutil.rmtree(out, ignore_errors=True)
    files = sorted((path for path in source.iterdir() if path.is_file()), key=lambda path: -path.stat().st_size)
    manifest = {path.name: {"size": path.stat().st_size, "sha256": digest(path)} for path in files}
    room: list[int] = []
    for path, start, size in pieces(files, limit):
        number = next((i for i, left in enumerate(room) if left >= size), len(room))
        if number == len(room):
            room.append(limit)
            (out / f"{number:02d}").mkdir(parents=True)
        room[number] -= size
        with path.open("rb") as file:
            file.seek(start)
            (out / f"{number:02d}" / f"{path.name}@{start}").write_bytes(file.read(size))
    volumes = [out / f"{number:02d}" for number in range(len(room))]
    for volume in volumes:
        (volume / "manifest.json").write_text(json.dumps(manifest))
    return volumes


def add(volume: Path, store: Path) -> None:
    """Keeps a volume's pieces where a later call finds them."""
    store.mkdir(parents=True, exist_ok=True)
    for path in volume.iterdir():
        shutil.copyfile(path, store / path.name)


def joined(store: Path, out: Path) -> list[Path]:
    """Joins the pieces in `store`; SystemExit where one is missing or damaged."""
    manifest = json.loads((store / "manifest.json").read_text())
    out.mkdir(parents=True, exist_ok=True)
    for name, facts in manifest.items():
        parts = sorted(store.glob(f"{name}@*"), key=lambda path: int(path.name.rpartition("@")[2]))
        with (out / name).open("wb") as file:
            for part in parts:
                file.write(part.read_bytes())
        if (out / name).stat().st_size != facts["size"]:
            raise SystemExit(f"{name}: {(out / name).stat().st_size} of {facts['size']} bytes; add its other volumes")
        if digest(out / name) != facts["sha256"]:
            raise SystemExit(f"{name}: another SHA-256 than when it was packed; add its volumes again")
    return [out / name for name in manifest]


def install(store: Path, site: Path) -> None:
    """Installs the wheels of all volumes into `site`; other files are left beside them in store/files."""
    wheels = [str(path) for path in joined(store, store / "files") if path.suffix == ".whl"]
    words = ["install", "-q", "--no-index", "--no-deps", "--no-compile", "--no-cache-dir", "--upgrade"]
    subprocess.run([sys.executable, "-m", "pip", *words, "--target", str(site), *wheels], check=True)


def main() -> None:
    """Runs one of the four steps."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("step", choices=("wheels", "pack", "add", "install"))
    options.add_argument("paths", nargs="+", type=Path)
    options.add_argument(
        "--there", type=Path, help="file with the packages of that machine, as `pip freeze` prints them"
    )
    options.add_argument("--limit", type=int, default=VOLUME_BYTES)
    given = options.parse_args()
    first, *rest = given.paths
    if given.step == "wheels":
        download(needed(given.there.read_text().splitlines() if given.there else ()), first)
    elif given.step == "pack":
        for volume in pack(first, rest[0], given.limit):
            size = sum(path.stat().st_size for path in volume.iterdir())
            print(f"{size / 2**20:6.1f} MiB  python3 benchmarks/stage.py add {volume} /tmp/stage")
    else:
        (add if given.step == "add" else install)(first, rest[0])


if __name__ == "__main__":
    main()
