"""The natural stand-in: a backbone that knows parts within each embodiment and not across, and LACE from it.

    python benchmarks/within_knowledge.py --robot DIR --human DIR [--out runs/within]

A tiny backbone is trained with PART LABELS inside each embodiment (supervised: each keypoint of an image must find its
part in another image of the same embodiment) and never across. That stands in for what a large pretrained backbone
brings, on plain frames without markers. LACE from it should close the gap between human-robot and human-human. Both
parts resume when killed.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch.nn.functional import cross_entropy

from benchmarks.marker_proof import NAMES, PAIRS, RECIPE, floor, measured, row, shrunk
from benchmarks.markers import plain
from lace import losses
from lace.backbones import load_backbone
from lace.data.dataset import FrameDataset
from lace.model_card import commit
from lace.pairs import augment_bank
from lace.training import TrainConfig, Trainer


@dataclass(frozen=True)
class WithinConfig:
    """What is run."""

    robot: Path
    """Dataset folder of robot frames; the last ones are held out."""
    human: Path
    """Dataset folder of human frames."""
    out: Path = Path("runs/within")
    """Folder of checkpoints."""
    held_out: int = 100
    """Frames of each embodiment."""
    within: int = 450
    """Steps with part labels inside each embodiment."""
    iterations: int = 250
    """Steps of LACE."""
    seed: int = 0


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
    """Runs one stage, or the rest of it; returns the seconds of this part."""
    trainer = kind(recipe, banks, backbone)
    trainer.resume(folder)
    seconds = [0.0]

    def shown(metrics: dict[str, float]) -> None:
        seconds.append(metrics["seconds"])
        if metrics["step"] % 50 == 0:
            print(f"{folder.name} {metrics['step']} of {recipe.iterations}: loss {metrics['align']:.3f}", flush=True)

    trainer.run(shown, folder)
    return seconds[-1]


def main(config: WithinConfig) -> int:
    """Runs it; see the top of the file."""
    torch.set_num_threads(1)
    train, held_out = {}, {}
    for name in NAMES:
        records = list(FrameDataset(getattr(config, name)))
        train[name] = plain(records[: -config.held_out], name, seed=0)
        held_out[name] = shrunk(plain(records[-config.held_out :], name, seed=1))
    backbone = load_backbone("tiny", seed=config.seed)
    views = [augment_bank(bank, 2000, shrunk(bank).size, config.seed) for bank in train.values()]
    lace = replace(RECIPE, seed=config.seed, iterations=config.iterations, checkpoint_every=25, log_every=10)
    labels = replace(lace, iterations=config.within, learning_rate=1e-3, ema=False, gram=0.0)
    found = {"random weights": {"pairs": measured(backbone, held_out), "seconds": 0.0}}
    for title, kind, recipe, folder in (
        ("part labels within each embodiment", WithinLabels, labels, "within"),
        ("then LACE", Trainer, lace, "lace"),
    ):
        seconds = stage(kind, recipe, views, backbone, config.out / folder)
        found[title] = {"pairs": measured(backbone, held_out), "seconds": seconds}
    table = Table(title=f"plain frames, EPE px [95 %] and part accuracy, seed {config.seed}, commit {commit()[:8]}")
    for heading in ("run", *(f"{pair} {metric}" for pair in PAIRS for metric in ("EPE", "part")), "s"):
        table.add_column(heading, no_wrap=True)
    for title, run in found.items():
        table.add_row(*row(title, run))
    console = Console(highlight=False, width=150)
    console.print(table)
    for name in NAMES:
        guesses = floor(held_out[name], train[name]).items()
        console.print(f"without features, {name}:", "; ".join(f"{g} {v['epe_px']:.1f} / {v['part_accuracy']:.2f}" for g, v in guesses))
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(WithinConfig, description=__doc__)))
