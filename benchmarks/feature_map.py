"""Which stages of EfficientNet-Lite make the best features for LACE: correspondence before and after a short run.

python benchmarks/feature_map.py --robot runs/results/robot --human runs/results/human \
    --robot-test runs/results/robot_test --human-test runs/results/human_test --out runs/results/feature_map

A row takes about three minutes of a quiet core; finished rows are kept. docs/results.md has the table.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import timm
import tyro

from lace.alignment.config import RECIPES
from lace.alignment.pairs import FrameBank, augment_bank
from lace.alignment.training import train
from lace.backbones import load_backbone
from lace.backbones.efficientnet_lite import EfficientNetLite
from lace.core.files import publish_bytes
from lace.core.provenance import commit
from lace.measure.correspondence import correspondence, describe

SIZE, ROBOT_IMAGES, AUGMENTED = 224, 100, 1000
MAPS = {
    "stage 4 (block 10)": ("efficientnet-lite0", (4,), 32),
    "stage 5 (block 14)": ("efficientnet-lite0", (5,), 32),
    "stage 5, output stride 16": ("efficientnet-lite0", (5,), 16),
    "stages 4 and 5, concatenated": ("efficientnet-lite0", (4, 5), 32),
    "stage 6 (block 15)": ("efficientnet-lite0", (6,), 32),
    "lite2, stage 5": ("efficientnet-lite2", (5,), 32),
}
"""Row -> backbone, stages, output stride."""
PAIRS = {"H-R": ("human", "robot"), "H-H": ("human", None), "R-R": ("robot", None)}


@dataclass(frozen=True)
class Config:
    """Datasets, and where the rows go."""

    robot: Path
    human: Path
    robot_test: Path
    human_test: Path
    out: Path
    only: tuple[str, ...] = tuple(MAPS)
    """Rows to run."""


def backbone_of(name: str, stages: tuple[int, ...], stride: int) -> EfficientNetLite:
    """The pretrained network with other stages as its features, dilated from `stride` on."""
    known = load_backbone(name)
    model = timm.create_model(known.model.pretrained_cfg["architecture"], output_stride=stride)
    model.load_state_dict(known.model.state_dict())
    return EfficientNetLite(name, model, SIZE, stages)


def measured(backbone: EfficientNetLite, held_out: dict[str, FrameBank]) -> dict[str, Any]:
    """Correspondence of each pair of embodiments."""
    seen = {name: describe(backbone, bank) for name, bank in held_out.items()}
    return {pair: correspondence(seen[a], seen[b] if b else None) for pair, (a, b) in PAIRS.items()}


def row_of(title: str, views: list[FrameBank], held_out: dict[str, FrameBank]) -> dict[str, Any]:
    """Before and after a short run."""
    backbone = backbone_of(*MAPS[title])
    before, begun = measured(backbone, held_out), time.perf_counter()
    train(RECIPES["short"], views, backbone)
    seconds = time.perf_counter() - begun
    found = {"row": title, "dim": backbone.dim, "before": before, "after": measured(backbone, held_out)}
    return found | {"seconds": seconds, "recipe": asdict(RECIPES["short"]), "git_commit": commit()}


def line(row: dict[str, Any]) -> str:
    """A row of the Markdown table."""
    cells = [row["row"], str(row["dim"])]
    for pair in PAIRS:
        was, now = row["before"][pair], row["after"][pair]
        cells.append(f"{was['epe_px']['value']:.1f} to {now['epe_px']['value']:.1f}")
        part = now["part_accuracy"]
        bounds = f"{part['value']:.2f} [{part['low']:.2f}, {part['high']:.2f}]"
        cells.append(f"{was['part_accuracy']['value']:.2f} to {bounds}")
    return f"| {' | '.join(cells)} |"


def main(config: Config) -> int:
    """Runs the rows that are missing and prints the table."""
    train_frames = (
        FrameBank.from_dataset(config.human, SIZE),
        FrameBank.from_dataset(config.robot, SIZE, ROBOT_IMAGES),
    )
    views = [augment_bank(bank, AUGMENTED, SIZE, seed) for seed, bank in enumerate(train_frames)]
    held_out = {
        "human": FrameBank.from_dataset(config.human_test, SIZE),
        "robot": FrameBank.from_dataset(config.robot_test, SIZE),
    }
    for number, title in enumerate(MAPS):
        path = config.out / f"{number}.json"
        if title in config.only and not path.is_file():
            publish_bytes(path, json.dumps(row_of(title, views, held_out), indent=1).encode())
        if path.is_file():
            print(line(json.loads(path.read_text())), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Config)))
