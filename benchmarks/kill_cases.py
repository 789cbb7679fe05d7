"""What the kill campaign runs: every command that writes, on the smallest inputs."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kill_inputs import CLICKS, named_in, prepare


@dataclass(frozen=True)
class Case:
    """One command: its words, and a pattern of the files that make up its result."""

    words: str
    """After `lace`; {i} is the folder of `kill_inputs.INPUTS`, {o} the output folder."""
    result: str
    """Files below the output folder that a finished run must have, as a glob."""
    begins: str = ""
    """The input that the output folder begins as a copy of: the command changes a folder of the user's."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names in `kill_inputs.INPUTS`."""
        return (*named_in(self.words), *filter(None, [self.begins]))


_SMALL = "--width 64 --height 64 --no-shadows --axes.hand.poses 8 --preset clean"
_DATA = "--robot {i}/robot --human {i}/human"
_TEST = "--robot-test {i}/robot_test --human-test {i}/human_test"
_TINY = "--backbone tiny --device cpu"
_STUDY = f"--study {{i}}/study {_TINY} --image-size 64 --fit.iterations 3 --fit.batch 4 --fit.checkpoint-every 1"
_ROWS = "--variants base lab --given lab=tiny --head probe --regimes zero"
CASES: dict[str, Case] = {
    "import coco": Case(
        "import coco {i}/coco/annotations.json --images {i}/coco/images --out {o} --map {map}", "shards/*"
    ),
    "import photos": Case("import photos {i}/photos --out {o} --sharpness 0", "shards/*"),
    "import video": Case("import video {i}/film.mp4 --out {o} --sharpness 0", "shards/*"),
    "import lerobot": Case("import lerobot {i}/rollouts/dataset --out {o} --frames 4", "shards/*"),
    "import recording": Case(
        "import recording {i}/recording/arm.mcap --calibration {i}/recording/lens.json --out {o} --frames 4 --lag 0",
        "shards/*",
    ),
    "data export coco": Case("data export coco {i}/robot --out {o}", "annotations.json"),
    "data replace-background": Case("data replace-background {i}/robot --backdrop textures --out {o}", "shards/*"),
    "annotate": Case("", "annotations.lace.json", begins="pictures"),
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
        "demo --frames 2 --held-out 4 --steps 1 --image-size 64 --workers 1 --backbone tiny --scenes 2 --tests 1 "
        "--policy-steps 1 --trials 1 --out {o}",
        "*/shards/*",  # its report says how long each stage took
    ),
    "import hint": Case("import hint {i}/hint --out {o}", "shards/*"),
    "data merge": Case("data merge {i}/robot {i}/robot_test --out {o}", "shards/*"),
    "data show": Case("data show {i}/robot --out {o}/sheet.png", "sheet.png"),
    "data stats": Case("data stats {i}/robot --out {o}", "stats.*"),
    "data realism": Case("data realism {i}/robot --out {o}", "realism.*"),
    "data detect-target": Case(
        "data detect-target {i}/robot --detector {i}/detector --text dinosaur --out {o}", "shards/*"
    ),
    "evaluate features": Case(
        f"evaluate features {_TINY} --classification {{i}}/classes --segmentation {{i}}/scenes --image-size 64 "
        "--workers 0 --classes 2 --sweep.steps 20 --sweep.batch 8 --window.window 64 --window.stride 32 "
        "--window.iterations 6 --window.batch 2 --out {o}",
        "features.json",
    ),
    "policy evaluate": Case(
        "policy evaluate --policy {i}/policy/policy --data {i}/held_out --out {o}", "evaluation.json"
    ),
    "policy export": Case("policy export --policy {i}/policy/policy --repeats 1 --out {o}/policy.onnx", "*.onnx"),
    "tables probes": Case(
        f"tables probes {_STUDY} --variants base lab --given lab=tiny --out {{o}}", "table-2/table.json"
    ),
    "tables policy": Case(f"tables policy {_STUDY} {_ROWS} --out {{o}}", "table-*/table.json"),
    "tables success": Case(
        f"tables success {_STUDY} {_ROWS} --no-films --trials 2 --settings in_domain --out {{o}}",
        "table-3/table.json",
    ),
    "compare": Case("compare {i}/simulated {i}/physical --out {o}", "compare.*"),
    "assets figure": Case("assets figure {o}/hand.png", "hand.png"),
    "assets check": Case("assets check ur5e_rod --out {o}/hand.png", "hand.png"),
    "assets find-grasp": Case(
        "assets find-grasp {o}/block.obj --size-m 0.12 --retest --test-trials 20", "*.grasps.json", begins="block"
    ),
}
CHEAP = ("import coco", "data export coco", "annotate", "finetune")
"""What the default tests kill."""


def prepare_case(name: str, inputs: Path) -> None:
    """Makes what a case needs of `kill_inputs.INPUTS` and is not there yet."""
    prepare(inputs, CASES[name].inputs)


def begin(name: str, inputs: Path, out: Path) -> None:
    """Copies what the output folder begins as, whole, if it is not there."""
    begins = CASES[name].begins
    if begins and not out.is_dir():
        fresh = out.with_name(f"{out.name}.new")
        shutil.copytree(inputs / begins, fresh, dirs_exist_ok=True)
        fresh.rename(out)


def words_of(name: str, inputs: Path, out: Path) -> list[str]:
    """The command line of a case."""
    from lace.core.keypoints import NAMES

    text = CASES[name].words.replace("{map}", " ".join(f"{keypoint}={keypoint}" for keypoint in NAMES[:17]))
    return [word.replace("{i}", str(inputs)).replace("{o}", str(out)) for word in text.split()]


def label(out: Path) -> int:
    """What `lace annotate` does on each click, for every picture."""
    from lace.data.annotate.session import Session

    session = Session(out)
    for number in range(len(session.names)):
        session.save(number, {"skipped": False, "points": {"wrist": [number + 1, 2, "visible"]}})
    return 0 if len(json.loads((out / "annotations.lace.json").read_text())["frames"]) == CLICKS else 1
