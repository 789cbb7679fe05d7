"""`lace evaluate features`: general quality of features after alignment, by two linear probes (paper sec. 5.7)."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from rich.console import Console

from lace.alignment.model_card import STAND_IN_WARNING
from lace.backbones import Backbone, is_stand_in, load_backbone
from lace.backbones.identity import source_digest
from lace.backbones.option import BackboneName
from lace.core.content import content_of
from lace.core.device import process_device
from lace.core.errors import InvalidValueError
from lace.core.files import publish_bytes
from lace.core.limits import Within, check_numbers
from lace.core.provenance import commit
from lace.core.run_identity import RunIdentity
from lace.measure.linear_classification import ClassificationConfig, classification
from lace.measure.linear_segmentation import SegmentationConfig, SegmentationFolder, fit_head, mean_iou, overlaps
from lace.measure.protocol_classification import SweepConfig, sweep_classification
from lace.measure.protocol_segmentation import WindowConfig, window_segmentation
from lace.reports.paper import PAPER
from lace.reports.report import Grid, Report, write_report


@dataclass(frozen=True)
class FeaturesConfig:
    """Linear classification and linear segmentation on frozen features; give one folder or both.

    By default with the protocols of DINOv2 and DINOv3; `--quick` takes short ones of our own.
    """

    out: Path
    """Folder for features.json and report.html."""
    backbone: BackboneName = "dinov3-s"
    """Name or folder, as `lace finetune` takes it."""
    classification: Path | None = None
    """Folder of train/CLASS/IMAGE and val/CLASS/IMAGE (ImageNet as torchvision wants it)."""
    segmentation: Path | None = None
    """Folder of images/{training,validation}/ and annotations/{training,validation}/ (ADEChallengeData2016)."""
    quick: bool = False
    """Short protocols of our own (minutes instead of hours): not the paper's, and marked as such."""
    image_size: Annotated[int, Within(1)] = 224
    """Side of the images of the classification, and of the quick segmentation [px]."""
    workers: Annotated[int, Within(0)] = 4
    """Processes that read images."""
    device: str = "auto"
    """As for `lace finetune`."""
    classes: Annotated[int, Within(1)] = 150
    """Classes of the segmentation (ADE20K: 150)."""
    classifier: ClassificationConfig = field(default_factory=ClassificationConfig)
    """With --quick."""
    head: SegmentationConfig = field(default_factory=SegmentationConfig)
    """With --quick."""
    sweep: SweepConfig = field(default_factory=SweepConfig)
    """Classification without --quick."""
    window: WindowConfig = field(default_factory=WindowConfig)
    """Segmentation without --quick."""

    def __post_init__(self):
        check_numbers(self)


MEASUREMENT = "features.json"


def measure(config: FeaturesConfig) -> dict[str, Any]:
    """The probes that have data."""
    device = process_device(config.device)
    backbone = load_backbone(config.backbone, image_size=config.image_size, device=device)
    found: dict[str, Any] = {"backbone": config.backbone, "commit": commit(), "quick": config.quick}
    if config.classification:
        found["top1"] = _top1(backbone, config, config.classification, device)
        publish_bytes(config.out / "top1.json", json.dumps(found["top1"], indent=1).encode())
    if config.segmentation:
        found["miou"] = _miou(backbone, config, config.segmentation, device)
    return found | {"config": json.loads(json.dumps(asdict(config), default=str))}


def _top1(backbone: Backbone, config: FeaturesConfig, folder: Path, device: torch.device) -> dict[str, Any]:
    facts: dict[str, Any] = {"protocol": "quick", "seed": config.classifier.seed}
    if config.quick:
        rate, classes = classification(backbone, folder, config.image_size, device, config.classifier, config.workers)
    else:
        key = f"{source_digest(config.backbone)} {config.image_size}"
        rate, classes, chosen = sweep_classification(
            backbone,
            folder,
            config.image_size,
            device,
            config.sweep,
            cache=config.out / "cache",
            key=key,
            workers=config.workers,
        )
        facts = {"protocol": "DINOv2 linear", "learning_rate": chosen, "seed": config.sweep.seed}
    return {"value": rate.value, "low": rate.low, "high": rate.high, "n": rate.n, "classes": classes} | facts


def _miou(backbone: Backbone, config: FeaturesConfig, folder: Path, device: torch.device) -> dict[str, Any]:
    if config.quick:
        train, val = (
            SegmentationFolder(folder, part, config.image_size, config.head.classes) for part in ("train", "val")
        )
        head = fit_head(backbone, train, device, config.head, config.workers)
        iou = mean_iou(*overlaps(backbone, head, val, device, config.workers), seed=config.head.seed)
        return {
            **vars(iou),
            "n": len(val),
            "classes": config.head.classes,
            "protocol": "quick",
            "seed": config.head.seed,
        }
    path = config.out / "cache" / "segmentation.pt"
    iou, count, chosen = window_segmentation(backbone, folder, config.classes, config.window, device, path)
    facts = {"protocol": "DINOv2 linear", "learning_rate": chosen, "seed": config.window.seed}
    return {**vars(iou), "n": count, "classes": config.classes} | facts


_PROTOCOL = {
    True: "Short protocols of our own (--quick), not comparable with the paper's.",
    False: "Protocols of DINOv2 and DINOv3, with the learning rate chosen on a tenth of the training images.",
}
_PROBES = {"top1": ("classification, top-1 [%]", "imagenet"), "miou": ("segmentation, mean IoU [%]", "ade20k")}


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Probe, ours with its 95 % interval, n, classes, and what the paper has for DINO and LACE-DINO (table 5)."""
    lines = []
    for key, (title, column) in _PROBES.items():
        if key in found:
            row = found[key]
            value, low, high = (f"{100 * row[name]:.2f}" for name in ("value", "low", "high"))
            paper = [str(getattr(PAPER[5][name], column)) for name in ("DINO", "lambda=1")]
            lines.append([title, f"{value} [{low}, {high}]", str(row["n"]), str(row["classes"]), *paper])
    return lines


def main(config: FeaturesConfig) -> int:
    """Measures, prints, and writes `out`/features.json and report.html."""
    if not (config.classification or config.segmentation):
        raise InvalidValueError(
            "evaluating features",
            "neither --classification nor --segmentation",
            "a folder for at least one",
            "give ImageNet or ADE20K as they come, or folders of your own in their layout",
        )
    with identity_of(config).opened():
        return _run(config)


PLACES = ("classification", "segmentation", "backbone", "out", "device", "workers")
"""Options that say where a measurement finds and puts things: its identity has the content of images and weights."""


def identity_of(config: FeaturesConfig) -> RunIdentity:
    """What the folder of a measurement belongs to: the options, the content of the images, and the weights."""
    parts = {"classification": ("train", "val"), "segmentation": ("images", "annotations")}
    content = {
        f"{name} images": content_of(folder / part for part in parts[name])
        for name in parts
        if (folder := getattr(config, name)) is not None
    }
    return RunIdentity(
        config.out / "run.json",
        "a measurement of features",
        {"config": asdict(config), "content": content | {"weights": source_digest(config.backbone)}},
        compared=("config", "content"),
        may_change=PLACES,
    )


def _run(config: FeaturesConfig) -> int:
    found = measure(config)
    console = Console(highlight=False, width=max(120, Console().width))
    headings = ("probe", "ours", "images", "classes", "paper, DINO", "paper, LACE-DINO")
    for row in rows(found):
        console.print(
            "; ".join(f"{name} {cell}" for name, cell in zip(headings, row, strict=True)), markup=False, soft_wrap=True
        )
    publish_bytes(config.out / MEASUREMENT, json.dumps(found, indent=1).encode())
    path = write_report(
        config.out,
        Report(
            title=f"Feature quality of {config.backbone}",
            summary="Linear probes on frozen features (sec. 5.7).",
            facts={"image size [px]": config.image_size},
            config=found["config"],
            sections=[
                Grid(
                    "Probes",
                    headings,
                    rows(found),
                    "Top-1 with its exact (Clopper-Pearson) interval; mean IoU by "
                    f"bootstrap over images. {_PROTOCOL[config.quick]} The paper's numbers are on ImageNet and ADE20K.",
                )
            ],
            warning=STAND_IN_WARNING if is_stand_in(config.backbone) else "",
        ),
    )
    console.print(f"wrote {config.out / 'features.json'} and {path}", markup=False, soft_wrap=True)
    return 0
