"""Small inputs of every command, each made when a case first asks for it."""

import json
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

from tests.demonstrations import make_demonstrations, make_study
from tests.films import HANDS, picture, write_film
from tests.hints import put
from tests.synthetic import make_dataset

Make = Callable[[Path], object]
"""Makes one input at a path; other inputs lie beside it."""

CLICKS = 12
_COLOURS = {"blue": (200, 60, 40), "green": (60, 180, 30), "red": (50, 40, 210)}
"""BGR."""


def named_in(words: str) -> list[str]:
    """Names of the inputs in a command line in which {i} is their folder."""
    return re.findall(r"\{i\}/([\w.]+)", words)


def prepare(inputs: Path, names: Iterable[str]) -> None:
    """Makes those inputs that are not there yet."""
    inputs.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (inputs / name).exists():
            INPUTS[name](inputs / name)


def _run(words: str) -> None:
    from lace.cli.main import main

    if main(words.split()):
        raise RuntimeError(f"`lace {words}` failed")


def _dataset(seed: int, human: bool = False) -> Make:
    return lambda folder: make_dataset(folder, frames=4, per_shard=2, size=64, seed=seed, human=human)


def _write(file: Path, image: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), image)


def _pictures(folder: Path) -> None:
    for i in range(CLICKS):
        _write(folder / f"{i:02d}.png", cv2.imread(str(next(HANDS.glob("plain_0*")))) // (i + 1))


def _photos(folder: Path) -> None:
    folder.mkdir()
    for file in sorted(HANDS.glob("*.jpg"))[:6]:
        shutil.copy(file, folder)


def _film(path: Path) -> None:
    names = [f"plain_{i}" for i in range(3) if (HANDS / f"plain_{i}.jpg").is_file()]
    write_film(path, [picture(name) for name in names], [0.2 * i for i in range(len(names))])


def _coco(folder: Path) -> None:
    from lace.data.coco import export_coco
    from lace.data.dataset import FrameDataset

    prepare(folder.parent, ["robot"])
    export_coco(FrameDataset(folder.parent / "robot"), folder)


def _hint(folder: Path) -> None:
    for i in range(6):
        put(folder / "TRAIN_epick_img", f"EK_000{i}_r", i)


def _rollouts(folder: Path) -> None:
    _run(f"generate rollouts --trials 2 --no-video --fps 10 --width 64 --height 64 --preset clean --out {folder}")


def _recording(folder: Path) -> None:
    from tests.recordings import as_mcap, lens_file, made_up

    folder.mkdir()
    as_mcap(made_up(), folder / "arm.mcap")
    lens_file(folder / "lens.json")


def _detector(folder: Path) -> None:
    from tests.tiny_detectors import owlv2

    owlv2(folder)


def _classes(folder: Path) -> None:
    """ImageNet's layout; the classes are colours."""
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for name, bgr in _COLOURS.items():
            for i in range(3):
                noisy = np.clip(rng.normal(bgr, 20, (40, 48, 3)), 0, 255)
                _write(folder / part / name / f"{i}.png", noisy.astype(np.uint8))


def _scenes(folder: Path) -> None:
    """ADE20K's layout: the halves of each image are two classes."""
    rng = np.random.default_rng(0)
    for part in ("training", "validation"):
        for i in range(4):
            label = np.repeat([[1] * 32 + [2] * 32], 64, 0).astype(np.uint8)
            image = np.array([(0, 0, 0), *_COLOURS.values()])[label] + rng.integers(0, 40, (64, 64, 1))
            _write(folder / "images" / part / f"{i}.jpg", image.astype(np.uint8))
            _write(folder / "annotations" / part / f"{i}.png", label)


def _policy(folder: Path) -> None:
    prepare(folder.parent, ["demonstrations"])
    human = folder.parent / "demonstrations"
    _run(f"policy train --human {human} --backbone tiny --device cpu --head probe --fit.iterations 2 --out {folder}")


def _trials(rate: int) -> Make:
    """What `lace simulate` and `lace bridge run` leave, as far as `lace compare` reads it."""

    def make(folder: Path) -> None:
        folder.mkdir()
        policies = {name: {"success": {"successes": rate * n, "n": 10}} for n, name in enumerate(("frozen", "oracle"))}
        (folder / "results.json").write_text(json.dumps({"policies": policies}))

    return make


def _block(folder: Path) -> None:
    """A mesh of the user's own, beside it a grasp of it at a size of 0.12 m, which was found for another shape."""
    import trimesh

    from assets.grasps import grasp_for, to_json

    folder.mkdir()
    trimesh.creation.box((0.05, 0.05, 0.12)).export(folder / "block.obj")
    grasp = grasp_for("default")
    rows = {grasp.embodiment: {"size=0.12": to_json(grasp) | {"target": "block.obj?size=0.12"}}}
    (folder / "block.obj.grasps.json").write_text(json.dumps(rows))


INPUTS: dict[str, Make] = {
    "robot": _dataset(0),
    "human": _dataset(1, human=True),
    "robot_test": _dataset(2),
    "human_test": _dataset(3, human=True),
    "demonstrations": lambda folder: make_demonstrations(folder, human=True),
    "held_out": lambda folder: make_demonstrations(folder, 2, seed=9),
    "study": make_study,
    "policy": _policy,
    "pictures": _pictures,
    "photos": _photos,
    "film.mp4": _film,
    "coco": _coco,
    "hint": _hint,
    "rollouts": _rollouts,
    "recording": _recording,
    "detector": _detector,
    "classes": _classes,
    "scenes": _scenes,
    "simulated": _trials(9),
    "physical": _trials(8),
    "block": _block,
}
"""Name below the folder of inputs -> what makes it."""
