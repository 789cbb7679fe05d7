"""LACE from a backbone that matches parts within each embodiment but not across, on unmarked frames.

    python -m benchmarks.within_knowledge [--out runs/within] [--seeds 0 1 2]

A tiny backbone is trained with PART LABELS inside each embodiment (supervised: each keypoint of an image must find its
part in another image of the same embodiment) and never across. This replaces the knowledge that a large pretrained
backbone has, on frames without markers. Gate, for every seed: after LACE, human-robot EPE is at or below the level at
which human-human EPE stood before, and human-human and robot-robot are no worse; exit code 1 if not. LACE lowers human-
human EPE too, so H-R is also compared with H-H after LACE. Frames are generated into OUT once; finished seeds are kept,
and both parts of an unfinished one resume.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch.nn.functional import cross_entropy

from benchmarks.marker_proof import HELD_OUT, NAMES, PAIRS, RECIPE, floor, frames, kept, measured, row, shrunk
from benchmarks.markers import plain
from lace.alignment import losses
from lace.alignment.config import TrainConfig
from lace.alignment.pairs import FrameBank, augment_bank
from lace.alignment.training import Trainer
from lace.backbones import load_backbone
from lace.core.files import publish_bytes
from lace.core.provenance import commit

NEAR = (
    "--width",
    "256",
    "--height",
    "256",
    "--min-visible",
    "10",
    "--axes.camera.distance-m",
    "0.45",
    "0.6",
    "--axes.camera.azimuth-deg",
    "-60",
    "60",
    "--axes.camera.elevation-deg",
    "25",
    "62",
    "--axes.camera.roll-deg",
    "-10",
    "10",
    "--axes.camera.aim-m",
    "0.03",
)
"""Close frontal views, from which hands can be learnt in minutes at 64 px."""
BEFORE, AFTER = "part labels within each embodiment", "then LACE"


@dataclass(frozen=True)
class WithinConfig:
    """Settings of the run."""

    out: Path = Path("runs/within")
    """Folder of frames, checkpoints and result."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of weights, augmentation and order; the frames are the same."""
    frames: int = 500
    """Frames of each embodiment; the last 100 are held out."""
    within: int = 450
    """Steps with part labels inside each embodiment."""
    iterations: int = 800
    """Steps of LACE."""


class WithinLabels(Trainer):
    """Trains on part labels inside each embodiment: cross-entropy over the patches of the other image."""

    def _align(self, student: torch.Tensor, teacher: torch.Tensor, index: torch.Tensor) -> losses.Alignment:
        patch, visible, names = self.patches[index], self.bank.visible[index], self.name_ids[index]
        rows = losses.keypoint_rows(student, patch, visible).rows
        similarity = torch.einsum("bkc,anc->abkn", rows, student) / self.config.tau
        same = (names[:, None] == names) & (index[:, None] != index)
        shared = visible[:, None] & visible[None] & same[..., None]
        target = patch[:, None].expand(shared.shape)
        loss = cross_entropy(similarity[shared], target[shared], reduction="sum")
        nothing = torch.zeros((), device=student.device)
        return losses.Alignment(loss, nothing, nothing, shared.sum())


def stage(kind: type[Trainer], recipe: TrainConfig, banks: Sequence, backbone: torch.nn.Module, folder: Path) -> float:
    """Runs one stage, or the rest of it; returns the seconds of one core of this part."""
    trainer = kind(recipe, banks, backbone)
    trainer.resume(folder)
    begun = time.process_time()

    def shown(metrics: dict[str, float]) -> None:
        if metrics["step"] % 100 == 0:
            print(f"{folder.name} {metrics['step']} of {recipe.iterations}: loss {metrics['align']:.3f}", flush=True)

    trainer.run(shown, folder)
    return time.process_time() - begun


def one_seed(
    seed: int, train: dict[str, FrameBank], held_out: dict[str, FrameBank], config: WithinConfig
) -> dict[str, dict]:
    """Correspondence of random weights, of the stand-in, and of LACE from it."""
    backbone = load_backbone("tiny", seed=seed)
    views = [augment_bank(bank, 2000, shrunk(bank).size, seed) for bank in train.values()]
    lace = replace(RECIPE, seed=seed, iterations=config.iterations, checkpoint_every=25, log_every=10)
    labels = replace(lace, iterations=config.within, learning_rate=1e-3, ema=False, gram=0.0)
    runs = {"random weights": {"pairs": measured(backbone, held_out), "seconds": 0.0}}
    for title, kind, recipe in ((BEFORE, WithinLabels, labels), (AFTER, Trainer, lace)):
        seconds = stage(kind, recipe, views, backbone, config.out / f"seed-{seed}" / kind.__name__)
        runs[title] = {"pairs": measured(backbone, held_out), "seconds": seconds}
    return runs


@dataclass(frozen=True)
class Verdict:
    """How far LACE closed the gap between H-R and H-H EPE."""

    reaches: bool
    """The gate: H-R reaches the level of H-H before LACE, with H-H and R-R no worse."""
    closed: float
    """Share of the gap that is closed: H-R less H-H before, against H-R less H-H after. Above 1 if H-R passes H-H."""
    inside: bool
    """Whether H-R is inside or below the 95 % interval of H-H after."""

    @staticmethod
    def of(runs: dict) -> "Verdict":
        """Of the runs of a seed."""
        before, after = ({pair: runs[title]["pairs"][pair]["epe_px"] for pair in PAIRS} for title in (BEFORE, AFTER))
        gaps = [epe["H-R"]["value"] - epe["H-H"]["value"] for epe in (before, after)]
        no_worse = all(after[pair]["value"] <= before[pair]["value"] for pair in ("H-H", "R-R"))
        reaches = no_worse and after["H-R"]["value"] <= before["H-H"]["value"]
        return Verdict(reaches, 1 - gaps[1] / gaps[0], after["H-R"]["value"] <= after["H-H"]["high"])

    def __str__(self) -> str:
        level = "reaches" if self.reaches else "FAILED: does not reach"
        place = "inside or below" if self.inside else "above"
        return (
            f"H-R {level} the level of H-H before; {self.closed:.0%} of the gap closed, "
            f"H-R {place} H-H's interval after"
        )


def main(config: WithinConfig) -> int:
    """Runs it; see the top of the file."""
    torch.set_num_threads(1)
    train, held_out = {}, {}
    for name in NAMES:
        records = frames(config.out, config.frames, name, *NEAR)
        train[name] = plain(records[:-HELD_OUT], name, seed=0)
        held_out[name] = shrunk(plain(records[-HELD_OUT:], name, seed=1))
    table = Table(title=f"plain frames, EPE px [95 %] and part accuracy, commit {commit()[:8]}")
    for heading in ("run", *(f"{pair} {metric}" for pair in PAIRS for metric in ("EPE", "part")), "s"):
        table.add_column(heading, no_wrap=True)
    verdicts, said, failed = {}, [], False
    for seed in config.seeds:
        print(f"seed {seed}", flush=True)
        options = {"within": config.within, "iterations": config.iterations}
        make = partial(one_seed, seed, train, held_out, config)
        runs = kept(config.out / f"seed-{seed}.json", options, train, held_out, make)
        for title, run in runs.items():
            table.add_row(*row(f"{seed}: {title}", run))
        verdict = Verdict.of(runs)
        verdicts[seed], failed = asdict(verdict) | {"runs": runs}, failed or not verdict.reaches
        said.append(f"seed {seed}: {verdict}")
    console = Console(highlight=False, width=150)
    console.print(table)
    for name in NAMES:
        guesses = floor(held_out[name], train[name]).items()
        shown = "; ".join(f"{guess} {found['epe_px']:.1f} / {found['part_accuracy']:.2f}" for guess, found in guesses)
        console.print(f"without features, {name} targets (EPE px / part): {shown}")
    for line in said:
        console.print(line, markup=False)
    content = {"config": asdict(config), "commit": commit(), "recipe": asdict(RECIPE), "seeds": verdicts}
    publish_bytes(config.out / "within.json", json.dumps(content, indent=1, default=str).encode())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(WithinConfig, description=__doc__)))
