"""`lace evaluate correspondence`: tables 1, 4, 6 and 8 for one backbone, with trivial predictors; drift on request."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from lace.alignment.model_card import STAND_IN_WARNING
from lace.alignment.pairs import FrameBank
from lace.backbones import is_stand_in, load_backbone
from lace.backbones.described import Described
from lace.core.device import process_device
from lace.core.errors import InvalidValueError
from lace.core.files import publish_bytes
from lace.core.frames import FrameRecord
from lace.core.provenance import commit
from lace.data.dataset import FrameDataset, named_folders
from lace.measure.correspondence import METRICS, correspondence, describe
from lace.measure.drift import HAND_WORDS, REGIONS, displacement, drift, masks_of, token_regions
from lace.measure.predictors import NAMES, chance, mean_keypoints, trivial
from lace.measure.regions import hand_tokens
from lace.reports.figures import correspondence_figure
from lace.reports.pca_figures import drift_figure, pca_figure
from lace.reports.report import Grid, Picture, Report, slug, write_report

SHOWN = 8
"""Frames of each embodiment among which the pictured pair is chosen."""
PICTURED = 4
"""Frames of each embodiment in the pictures of PCA and drift."""


@dataclass(frozen=True)
class CorrespondenceConfig:
    """Correspondence between held-out images of one, two or more embodiments."""

    robot: Path
    """Dataset folder of held-out robot frames."""
    out: Path
    """Folder for correspondence.json."""
    human: Path | None = None
    """Dataset folder of held-out human frames; without it only robot-robot is measured."""
    more: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Held-out frames of a further embodiment as NAME=DIR, once for each: every pair of all is measured (fig. 8)."""
    robot_train: Path | None = None
    """Robot training frames, whose mean keypoints are a trivial predictor; by default the held-out ones (generous)."""
    human_train: Path | None = None
    """The same for human frames."""
    more_train: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """The same for a further embodiment as NAME=DIR, once for each."""
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
    device: str = "auto"
    """Where the backbone runs: "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:1"."""
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
    """Measures, prints, and writes `out`/correspondence.json, a picture for each pair, and report.html."""
    if config.images < 2:
        raise InvalidValueError("evaluating correspondence", f"--images {config.images}", "at least 2", "raise it")
    folders, train_folders = _folders(config)
    records = {name: _first(folder, config.images) for name, folder in folders.items()}
    banks = {name: FrameBank.from_records(found, config.size) for name, found in records.items()}
    train = {name: FrameBank.from_dataset(folder, config.size, None) for name, folder in train_folders.items()}
    device = process_device(config.device)
    backbone = load_backbone(config.backbone, image_size=config.size, device=device)
    described = {name: describe(backbone, bank, config.images) for name, bank in banks.items()}
    result = measure(described, train, config)
    pictures = [
        Picture(f"Correspondence {name} (fig. 2)", png, "Blue is within a patch of the truth.")
        for name, png in draw(described, banks).items()
    ]
    if config.before:
        before = load_backbone(config.before, image_size=config.size, device=device)
        earlier = {name: describe(before, bank, config.images) for name, bank in banks.items()}
        result["drift"], found = _drift(earlier["robot"], described["robot"], records["robot"], config)
        pictures += found
        described_by = {"before": earlier, "after": described}
    else:
        described_by = {config.backbone: described}
    pictures.append(_pca(described_by, banks, records, config))
    _publish(result, pictures, config)
    return 0


def _folders(config: CorrespondenceConfig) -> tuple[dict[str, Path], dict[str, Path]]:
    """Folders of held-out and of training frames by embodiment."""
    held_out = {"human": config.human, "robot": config.robot}
    train = {"human": config.human_train, "robot": config.robot_train}
    return tuple(
        named_folders(more, {name: folder for name, folder in first.items() if folder})
        for more, first in ((config.more, held_out), (config.more_train, train))
    )


def _first(folder: Path, count: int) -> list[FrameRecord]:
    frames = FrameDataset(folder)
    return [frames[i] for i in range(min(count, len(frames)))]


def _images(bank: FrameBank, chosen: Sequence[int]) -> np.ndarray:
    return bank.images[list(chosen)].permute(0, 2, 3, 1).numpy()


def _drift(
    before: Described, after: Described, records: list[FrameRecord], config: CorrespondenceConfig
) -> tuple[dict[str, Any], list[Picture]]:
    """Appendix C on the robot's frames: the numbers, and the picture where their masks show anything."""
    moved = displacement(*(seen.features.unflatten(1, seen.grid) for seen in (before, after)))
    regions = token_regions(masks_of(records, config.hand_words), after.grid)
    found = drift(moved, regions, config.seed)
    things = regions[:, 0] | regions[:, 1]
    chosen = things.sum(1).argsort(descending=True)[:PICTURED].tolist()
    images = np.stack([cv2.resize(records[i].image, (config.size, config.size)) for i in chosen])
    png = drift_figure(images, things[chosen], before.features[chosen], after.features[chosen], after.grid)
    note = "PCA of both backbones in one space, of hand and object patches; a changed colour is drift."
    return found, [Picture("Feature drift (fig. 9)", png, note)]


def _pca(
    described: dict[str, dict[str, Described]],
    banks: dict[str, FrameBank],
    records: dict[str, list[FrameRecord]],
    config: CorrespondenceConfig,
) -> Picture:
    """Figs. 4, 7 and 8: the frames of each embodiment whose hand is largest."""
    grid = next(iter(next(iter(described.values())).values())).grid
    masks = {name: hand_tokens(found, grid, config.hand_words) for name, found in records.items()}
    chosen = {name: mask.sum(1).argsort(descending=True)[:PICTURED].tolist() for name, mask in masks.items()}
    png = pca_figure(
        {name: _images(banks[name], chosen[name]) for name in banks},
        {name: masks[name][chosen[name]] for name in banks},
        {title: {n: seen.features[chosen[n]] for n, seen in parts.items()} for title, parts in described.items()},
        grid,
    )
    return Picture(
        "Joint PCA of hand patches (figs. 4, 7, 8)",
        png,
        "Fitted on the shown hands of all embodiments together; "
        "matching colours are parts that look alike to the backbone.",
    )


def _publish(result: dict[str, Any], pictures: list[Picture], config: CorrespondenceConfig) -> None:
    console = Console(highlight=False, width=max(120, Console().width))
    shown = table(result)
    console.print(shown)
    for picture in pictures:
        publish_bytes(config.out / f"{slug(picture.title)}.png", picture.png)
    headings = [str(column.header) for column in shown.columns]
    grids = [
        Grid(str(shown.title), headings, list(zip(*(c.cells for c in shown.columns), strict=True)), str(shown.caption))
    ]
    if "drift" in result:
        rows = _drift_rows(result["drift"])
        grids.append(Grid("Drift against the pretrained backbone", ["region", "|f - f'|", "patches"], rows))
        console.print("drift:", "; ".join(f"{region} {value}" for region, value, _ in rows), markup=False)
    images = {name: row["images"][0] for name, row in result["pairs"].items() if len(set(name.split("-"))) == 1}
    path = write_report(
        config.out,
        Report(
            title=f"Correspondence of {config.backbone}",
            summary="All pairs of held-out images; features alone answer, nothing is trained.",
            facts={"held-out images": images, "seed of the bootstrap": config.seed, "image size [px]": config.size},
            sections=[*grids, *pictures],
            config=result["config"],
            warning=STAND_IN_WARNING if is_stand_in(config.backbone) else "",
        ),
    )
    publish_bytes(config.out / "correspondence.json", json.dumps(result, indent=1).encode())
    console.print(f"wrote {config.out / 'correspondence.json'} and {path}", markup=False, soft_wrap=True)


def _drift_rows(found: dict[str, Any]) -> list[list[str]]:
    rows = [(region, found[region]) for region in REGIONS]
    return [
        [region, _cell(row, True), str(row["n"])] if row else [region, "no such patch", "0"] for region, row in rows
    ]
