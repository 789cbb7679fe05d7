"""Checks that the method works where its precondition holds: marked frames of both embodiments, a random tiny backbone.

    python benchmarks/marker_proof.py [--out runs/marker_proof] [--seeds 0 1 2] [--iterations 300]

Gates, for every seed: LACE lowers held-out human-robot EPE by at least 40 %, part accuracy reaches 0.30, human-human
and robot-robot EPE are no worse, in under two minutes of one core; with the robot's part names shuffled in training,
part accuracy stays under 0.12. Exit code 1 if one does not hold. Frames are generated into OUT once; finished seeds are
kept.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.markers import marked, renamed
from lace.alignment.augmentation import AugmentConfig
from lace.alignment.config import TrainConfig
from lace.alignment.pairs import FrameBank, augment_bank
from lace.alignment.training import Trainer
from lace.backbones import load_backbone
from lace.cli import main as cli
from lace.core.files import publish_bytes
from lace.core.provenance import commit
from lace.data.dataset import META_NAME, FrameDataset
from lace.measure.correspondence import correspondence, describe
from lace.measure.predictors import mean_keypoints, trivial

SIZE, HELD_OUT = 64, 100
NAMES = ("human", "robot")
PAIRS = {"H-R": NAMES, "H-H": ("human", "human"), "R-R": ("robot", "robot")}
SQUARE = ("--width", "192", "--height", "192")
EPE_FALL, PART, CONTROL_PART, SECONDS = 0.40, 0.30, 0.12, 120.0
RECIPE = TrainConfig(
    iterations=300, batch=8, learning_rate=5e-4, warmup=30, tau=0.1, all_pairs=True, log_every=1_000_000
)


@dataclass(frozen=True)
class ProofConfig:
    """Settings of the run."""

    out: Path = Path("runs/marker_proof")
    """Folder of frames and results."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of weights, augmentation and order; the frames are the same."""
    iterations: int = RECIPE.iterations
    frames: int = 200
    """Frames of each embodiment; the last 100 are held out."""
    sampling: bool = False
    """Also train on the paper's sampled pairs instead of all pairs of a batch."""


def frames(out: Path, count: int, name: str, *options: str) -> list:
    """`count` frames of one embodiment, generated into `out` / `name` on first use."""
    folder = out / name
    words = ["generate", name, "--frames", str(count), "--out", str(folder), "--no-shadows", *options]
    if not (folder / META_NAME).is_file() and cli.main(words) != 0:
        sys.exit(f"generating {folder} failed; see above")
    return list(FrameDataset(folder))


def split(records: list, name: str) -> tuple[FrameBank, FrameBank]:
    """(training, held-out) marked crops."""
    return marked(records[:-HELD_OUT], name, seed=0), marked(records[-HELD_OUT:], name, seed=1)


def shrunk(bank: FrameBank) -> FrameBank:
    """The bank at the size of the backbone's images."""
    images = torch.nn.functional.interpolate(bank.images.float(), (SIZE, SIZE), mode="area").round().byte()
    return FrameBank(images, bank.keypoints * (SIZE / bank.size), bank.visible, bank.embodiment)


def measured(backbone, held_out: dict[str, FrameBank]) -> dict[str, dict]:
    """Correspondence of each pair of embodiments."""
    seen = {name: describe(backbone, bank) for name, bank in held_out.items()}
    return {pair: correspondence(seen[a], None if a == b else seen[b]) for pair, (a, b) in PAIRS.items()}


def trained(train: dict[str, FrameBank], recipe: TrainConfig) -> tuple[torch.nn.Module, float]:
    """(backbone, seconds of one core) of one run from random weights; wall-clock time is longer on a shared machine."""
    backbone = load_backbone("tiny", seed=recipe.seed)
    views = [augment_bank(bank, 1000, SIZE, recipe.seed, AugmentConfig()) for bank in train.values()]
    begun = time.process_time()
    Trainer(recipe, views, backbone).run()
    return backbone, time.process_time() - begun


def one_seed(seed: int, train: dict[str, FrameBank], held_out: dict[str, FrameBank], config: ProofConfig) -> dict:
    """Before, LACE, the control with shuffled names, and the optional runs."""
    recipe = TrainConfig(**{**asdict(RECIPE), "seed": seed, "iterations": config.iterations})
    runs = {"random weights": {"pairs": measured(load_backbone("tiny", seed=seed), held_out), "seconds": 0.0}}
    data = {"LACE": train, "part names shuffled": {**train, "robot": renamed(train["robot"], 9)}}
    if config.sampling:
        data["LACE, sampled pairs"] = train
    for label, banks in data.items():
        asked = TrainConfig(**{**asdict(recipe), "all_pairs": "sampled" not in label})
        backbone, seconds = trained(banks, asked)
        runs[label] = {"pairs": measured(backbone, held_out), "seconds": seconds}
    return runs


def kept(
    path: Path,
    options: dict[str, Any],
    train: dict[str, FrameBank],
    held_out: dict[str, FrameBank],
    make: Callable[[], dict],
) -> dict:
    """The runs of a seed: those in `path` if they are of the same options, frames and commit, else those of `make`."""
    digests = {name: [train[name].digest(), held_out[name].digest()] for name in NAMES}
    asked = {**options, "commit": commit(), "frames": digests}
    if path.is_file() and (found := json.loads(path.read_text()))["asked"] == asked:
        return found["runs"]
    runs = make()
    publish_bytes(path, json.dumps({"asked": asked, "runs": runs}, indent=1).encode())
    return runs


def gates(runs: dict) -> dict[str, bool]:
    """The gates of one seed, and whether they hold."""
    before, after = runs["random weights"]["pairs"], runs["LACE"]["pairs"]
    epe = {pair: after[pair]["epe_px"]["value"] / before[pair]["epe_px"]["value"] for pair in PAIRS}
    return {
        f"H-R EPE falls by {EPE_FALL:.0%}": epe["H-R"] <= 1 - EPE_FALL,
        f"H-R part accuracy reaches {PART}": after["H-R"]["part_accuracy"]["value"] >= PART,
        "H-H and R-R no worse": max(epe["H-H"], epe["R-R"]) <= 1,
        f"under {SECONDS:.0f} s": runs["LACE"]["seconds"] < SECONDS,
        f"shuffled names stay under {CONTROL_PART}": runs["part names shuffled"]["pairs"]["H-R"]["part_accuracy"][
            "value"
        ]
        < CONTROL_PART,
    }


def floor(target: FrameBank, train: FrameBank) -> dict[str, dict[str, float]]:
    """EPE and part accuracy of predictors without features."""
    seen = describe(load_backbone("tiny"), target)
    return trivial(seen, mean_keypoints(shrunk(train).keypoints, train.visible))


def row(label: str, run: dict) -> list[str]:
    """One line of the table."""
    cells = [label]
    for pair in PAIRS:
        epe, part = run["pairs"][pair]["epe_px"], run["pairs"][pair]["part_accuracy"]
        cells += [f"{epe['value']:.1f} [{epe['low']:.1f}, {epe['high']:.1f}]", f"{part['value']:.2f}"]
    return [*cells, f"{run['seconds']:.0f}"]


def main(config: ProofConfig) -> int:
    """Runs it; see the top of the file."""
    torch.set_num_threads(1)
    console = Console(highlight=False, width=140)
    banks = {name: split(frames(config.out, config.frames, name, *SQUARE), name) for name in NAMES}
    train, held_out = ({name: pair[i] for name, pair in banks.items()} for i in (0, 1))
    held_out = {name: shrunk(bank) for name, bank in held_out.items()}
    table = Table(title=f"marker proof, {SIZE} px, EPE px [95 %] and part accuracy, commit {commit()[:8]}")
    for heading in ("run", "H-R EPE", "part", "H-H EPE", "part", "R-R EPE", "part", "s"):
        table.add_column(heading, no_wrap=True)
    result, failed = {"config": asdict(config), "commit": commit(), "recipe": asdict(RECIPE), "seeds": {}}, []
    for seed in config.seeds:
        console.print(f"seed {seed}")
        options = {"iterations": config.iterations, "sampling": config.sampling}
        make = partial(one_seed, seed, train, held_out, config)
        runs = kept(config.out / f"seed-{seed}.json", options, train, held_out, make)
        for label, run in runs.items():
            table.add_row(*row(f"{seed}: {label}", run))
        held = gates(runs)
        failed += [f"seed {seed}: {name}" for name, holds in held.items() if not holds]
        result["seeds"][seed] = {"runs": runs, "gates": held}
    result["trivial"] = {name: floor(held_out[name], train[name]) for name in NAMES}
    console.print(table)
    for name, rows in result["trivial"].items():
        shown = "; ".join(
            f"{guess} {found['epe_px']:.1f} / {found['part_accuracy']:.2f}" for guess, found in rows.items()
        )
        console.print(f"without features, {name} targets (EPE px / part): {shown}")
    publish_bytes(config.out / "proof.json", json.dumps(result, indent=1, default=str).encode())
    console.print("\n".join(f"FAILED {line}" for line in failed) or "all gates hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(ProofConfig, description=__doc__)))
