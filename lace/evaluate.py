"""`lace evaluate correspondence`: tables 1, 4, 6 and 8 for one backbone, with trivial predictors; drift on request."""

import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from lace.backbones import load_backbone
from lace.core.errors import InvalidValueError
from lace.correspondence import METRICS, Described, correspondence, describe
from lace.data.dataset import FrameDataset
from lace.data.shards import publish_bytes
from lace.drift import HAND_WORDS, displacement, drift, masks_of, token_regions
from lace.figures import correspondence_figure
from lace.model_card import commit
from lace.pairs import FrameBank
from lace.predictors import NAMES, chance, mean_keypoints, trivial

SHOWN = 8
"""Frames of each embodiment among which the pictured pair is chosen."""


@dataclass(frozen=True)
class CorrespondenceConfig:
    """Correspondence between held-out images of one or two embodiments."""

    robot: Path
    """Dataset folder of held-out robot frames."""
    out: Path
    """Folder for correspondence.json."""
    human: Path | None = None
    """Dataset folder of held-out human frames; without it only robot-robot is measured."""
    robot_train: Path | None = None
    """Robot training frames, whose mean keypoints are a trivial predictor; by default the held-out ones (generous)."""
    human_train: Path | None = None
    """The same for human frames."""
    backbone: str = "dinov3-s"
    """Name or folder, as `lace finetune` takes it; its out/backbone to measure a fine-tuned one."""
    before: str | None = None
    """Pretrained backbone to measure drift against (appendix C), on the robot frames' masks."""
    images: int = 100
    """Held-out images per embodiment."""
    size: int = 224
    """Side of the images [px]; the paper does not state that of its EPE."""
    pck: float = 0.1
    """Fraction of the image side within which a keypoint is correct."""
    seed: int = 0
    """Seed of the bootstrap."""
    device: str = "cpu"
    """Where the backbone runs."""
    hand_words: tuple[str, ...] = HAND_WORDS
    """Words that mark the hand's segments, for drift."""


def measure(described: dict[str, Described], train: dict[str, FrameBank], config: CorrespondenceConfig) -> dict:
    """All pairs of the embodiments in `described` (name -> held-out frames), trivial predictors per target embodiment.

    Args:
        described: Held-out frames, by a short name ("robot").
        train: Training frames by the same names, for mean keypoints; the held-out ones where missing.
        config: Settings, stored with the result.
    """
    names = list(described)
    pairs = {}
    for i, a in enumerate(names):
        for b in names[i:]:
            other = None if a == b else described[b]
            pairs[f"{a}-{b}"] = correspondence(described[a], other, seed=config.seed, pck=config.pck)
    return {
        "backbone": config.backbone,
        "size_px": config.size,
        "pairs": pairs,
        "trivial": {name: _trivial(described[name], train.get(name), config) for name in names},
        "mean_keypoint_from": {name: "training" if name in train else "held-out" for name in names},
        "git_commit": commit(),
        "config": json.loads(json.dumps(asdict(config), default=str)),
    }


def _trivial(target: Described, train: FrameBank | None, config: CorrespondenceConfig) -> dict[str, Any]:
    points, visible = (target.keypoints, target.visible) if train is None else (train.keypoints, train.visible)
    mean = mean_keypoints(points, visible)
    return {"chance": chance(target), "n": int(target.visible.sum()), **trivial(target, mean, config.pck)}


def table(result: dict[str, Any]) -> Table:
    """The result for the terminal, trivial predictors below."""
    title = f"{result['backbone']}: EPE at {result['size_px']} px, 95 % bootstrap over images"
    shown = Table(title=title)
    for heading in ("pair", "n", "EPE px", "patches", "cosine", "PCK", "part accuracy"):
        shown.add_column(heading, no_wrap=True)
    for pair, row in result["pairs"].items():
        cells = [_cell(row[m], m in ("epe_px", "part_accuracy")) for m in METRICS]
        shown.add_row(pair, str(row["n"]), *cells)
    for target, rows in result["trivial"].items():
        shown.add_section()
        for name in NAMES:
            held_out = name == "mean training keypoint" and result["mean_keypoint_from"][target] == "held-out"
            cells = [f"{rows[name][m]:.3g}" if m in rows[name] else "-" for m in METRICS]
            label = "mean HELD-OUT keypoint" if held_out else name
            shown.add_row(f"{target}: {label}", str(rows["n"]), *cells)
    shown.caption = "part accuracy is of visible keypoints; cosine alone is 1 for collapsed features"
    return shown


def _cell(interval: dict[str, float], with_bounds: bool) -> str:
    bounds = f" [{interval['low']:.3g}, {interval['high']:.3g}]" if with_bounds else ""
    return f"{interval['value']:.3g}{bounds}"


def _drift(backbone, config: CorrespondenceConfig) -> dict[str, Any]:
    frames = FrameDataset(config.robot)
    records = [frames[i] for i in range(min(config.images, len(frames)))]
    bank = FrameBank.from_records(records, config.size)
    before = load_backbone(config.before, image_size=config.size, device=config.device)
    images = bank.images.to(config.device).float() / 255
    with torch.no_grad():
        moved = displacement(before, backbone, images).cpu()
    return drift(moved, token_regions(masks_of(records, config.hand_words), tuple(moved.shape[1:])), config.seed)


def draw(described: dict[str, Described], banks: dict[str, FrameBank]) -> dict[str, bytes]:
    """Fig. 2 of the paper as PNG by pair of embodiments: of their first frames, the two that share most keypoints."""
    pictures = {}
    for a, b in itertools.combinations_with_replacement(described, 2):
        source, target = described[a], described[b]
        shared = (source.visible[:SHOWN, None] & target.visible[None, :SHOWN]).sum(-1)
        if a == b:
            shared.fill_diagonal_(-1)
        i, j = divmod(int(shared.argmax()), shared.shape[1])
        images = tuple(banks[name].images[n].permute(1, 2, 0).cpu().numpy() for name, n in ((a, i), (b, j)))
        pictures[f"{a}-{b}"] = correspondence_figure(images, source, target, i, j)
    return pictures


def main(config: CorrespondenceConfig) -> int:
    """Measures, prints, and writes `out`/correspondence.json and a picture for each pair."""
    if config.images < 2:
        raise InvalidValueError("evaluating correspondence", f"--images {config.images}", "at least 2", "raise it")
    folders = {"human": config.human, "robot": config.robot}
    banks = {n: FrameBank.from_dataset(f, config.size, config.images) for n, f in folders.items() if f}
    folders = {"human": config.human_train, "robot": config.robot_train}
    train = {n: FrameBank.from_dataset(f, config.size, None) for n, f in folders.items() if f}
    backbone = load_backbone(config.backbone, image_size=config.size, device=config.device)
    described = {name: describe(backbone, bank, config.images) for name, bank in banks.items()}
    result = measure(described, train, config)
    if config.before:
        result["drift"] = _drift(backbone, config)
    console = Console(highlight=False, width=max(120, Console().width))
    console.print(table(result))
    if config.before:
        console.print("drift:", json.dumps(result["drift"]), markup=False)
    for name, picture in draw(described, banks).items():
        publish_bytes(config.out / f"correspondence_{name}.png", picture)
    path = config.out / "correspondence.json"
    publish_bytes(path, json.dumps(result, indent=1).encode())
    console.print(f"wrote {path}", markup=False)
    return 0
