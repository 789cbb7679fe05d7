"""What the kill campaign runs: every command that writes, on the smallest inputs."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2

from tests.demonstrations import make_demonstrations
from tests.films import HANDS, picture, write_film
from tests.synthetic import make_dataset

Call = Callable[[], int]


@dataclass(frozen=True)
class Case:
    """One command: its words, and a pattern of the files that make up its result."""

    words: str
    """After `lace`; {i} is the folder of inputs, {o} the output folder."""
    result: str
    """Files below the output folder that a finished run must have, as a glob."""


_SMALL = "--width 64 --height 64 --no-shadows --axes.hand.poses 8 --preset clean"
_DATA = "--robot {i}/robot --human {i}/human"
_TEST = "--robot-test {i}/robot_test --human-test {i}/human_test"
_TINY = "--backbone tiny --device cpu"
CASES: dict[str, Case] = {
    "import coco": Case(
        "import coco {i}/coco/annotations.json --images {i}/coco/images --out {o} --map {map}", "shards/*"
    ),
    "import photos": Case("import photos {i}/photos --out {o} --sharpness 0", "shards/*"),
    "import video": Case("import video {i}/film.mp4 --out {o} --sharpness 0", "shards/*"),
    "import lerobot": Case("import lerobot {i}/rollouts/dataset --out {o} --frames 4", "shards/*"),
    "import recording": Case(
        "import recording {i}/recording.mcap --calibration {i}/lens.json --out {o} --frames 4 --lag 0", "shards/*"
    ),
    "data export coco": Case("data export coco {i}/robot --out {o}", "annotations.json"),
    "data replace-background": Case("data replace-background {i}/robot --backdrop textures --out {o}", "shards/*"),
    "annotate": Case("", "annotations.lace.json"),
    "finetune": Case(
        f"finetune {_DATA} {_TINY} --augmented 4 --iterations 6 --batch 2 --checkpoint-every 1 --out {{o}}",
        "backbone/*.safetensors",
    ),
    "evaluate correspondence": Case(
        "evaluate correspondence --robot {i}/robot_test --human {i}/human_test " + _TINY + " --images 4 --out {o}",
        "correspondence.json",
    ),
    "tables alignment": Case(
        f"tables alignment {_DATA} {_TEST} {_TINY} --augmented 4 --test-images 4 --tables 1 --train.iterations 2 "
        "--train.batch 2 --train.checkpoint-every 1 --image-size 64 --out {o}",
        "table-1/table.json",
    ),
    "policy train": Case(
        f"policy train --human {{i}}/demonstrations {_TINY} --head probe --fit.iterations 6 --fit.batch 4 "
        "--fit.checkpoint-every 1 --out {o}",
        "policy/*.safetensors",
    ),
    "generate robot": Case(f"generate robot --frames 6 --shard-frames 2 {_SMALL} --out {{o}}", "shards/*"),
    "generate human": Case(f"generate human --frames 6 --shard-frames 2 {_SMALL} --out {{o}}", "shards/*"),
    "generate robot, 2 workers": Case(
        f"generate robot --frames 6 --shard-frames 2 --workers 2 {_SMALL} --out {{o}}", "shards/*"
    ),
    "generate rollouts": Case(
        f"generate rollouts --trials 2 --part-trials 1 --no-video --fps 10 {_SMALL} --out {{o}}", "parts/*/part.json"
    ),
    "generate study": Case(
        "generate study --human 2 --robot 1 --test 1 --each 1 --align 2 --align-test 2 --rooms lab --image-size 64 "
        "--out {o}",
        "manifest.json",
    ),
    "simulate": Case(f"simulate --policy oracle --trials 4 {_SMALL} --out {{o}}", "results.json"),
    "demo": Case(
        "demo --frames 2 --held-out 4 --steps 1 --image-size 64 --workers 1 --backbone tiny --out {o}",
        "*/shards/*",  # its report says how long each stage took
    ),
}
CHEAP = ("import coco", "data export coco", "annotate", "finetune")
"""What the default tests kill."""
CLICKS = 12


def prepare(inputs: Path) -> None:
    """Makes the inputs that need no simulator."""
    for seed, name in enumerate(("robot", "human", "robot_test", "human_test")):
        make_dataset(inputs / name, frames=4, per_shard=2, size=64, seed=seed, human=name.startswith("human"))
    make_demonstrations(inputs / "demonstrations")
    (inputs / "pictures").mkdir()
    for i in range(CLICKS):
        cv2.imwrite(str(inputs / "pictures" / f"{i:02d}.png"), cv2.imread(str(next(HANDS.glob("plain_0*")))) // (i + 1))
    (inputs / "photos").mkdir()
    for file in sorted(HANDS.glob("*.jpg"))[:6]:
        shutil.copy(file, inputs / "photos")
    names = [f"plain_{i}" for i in range(3) if (HANDS / f"plain_{i}.jpg").is_file()]
    write_film(inputs / "film.mp4", [picture(name) for name in names], [0.2 * i for i in range(len(names))])
    _make_coco(inputs)


def _make_coco(inputs: Path) -> None:
    from lace.data.coco import export_coco
    from lace.data.dataset import FrameDataset

    export_coco(FrameDataset(inputs / "robot"), inputs / "coco")


def prepare_recording(inputs: Path) -> None:
    """A recording of a robot, which needs the robot's model."""
    from tests.recordings import as_mcap, lens_file, made_up

    as_mcap(made_up(), inputs / "recording.mcap")
    lens_file(inputs / "lens.json")


def words_of(name: str, inputs: Path, out: Path) -> list[str]:
    """The command line of a case."""
    from lace.core.keypoints import NAMES

    text = CASES[name].words.replace("{map}", " ".join(f"{keypoint}={keypoint}" for keypoint in NAMES[:17]))
    return [word.replace("{i}", str(inputs)).replace("{o}", str(out)) for word in text.split()]


def label(inputs: Path, out: Path) -> int:
    """What `lace annotate` does on each click, for every picture."""
    from lace.data.annotate.session import Session

    if not out.is_dir():
        fresh = out.with_name("pictures")
        shutil.copytree(inputs / "pictures", fresh, dirs_exist_ok=True)
        fresh.rename(out)
    session = Session(out)
    for number in range(len(session.names)):
        session.save(number, {"skipped": False, "points": {"wrist": [number + 1, 2, "visible"]}})
    return 0 if len(json.loads((out / "annotations.lace.json").read_text())["frames"]) == CLICKS else 1
