"""`lace evaluate features`: did alignment cost general quality? Two linear probes as in section 5.7; data is the user's."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from lace.alignment.model_card import STAND_IN_WARNING
from lace.backbones import is_stand_in, load_backbone
from lace.core.device import process_device
from lace.core.errors import InvalidValueError
from lace.core.files import publish_bytes
from lace.core.provenance import commit
from lace.measure.linear_classification import ClassificationConfig, classification
from lace.measure.linear_segmentation import SegmentationConfig, SegmentationFolder, fit_head, mean_iou, overlaps
from lace.reports.paper import PAPER
from lace.reports.report import Grid, Report, write_report


@dataclass(frozen=True)
class FeaturesConfig:
    """Linear classification and linear segmentation on frozen features; give one folder or both."""

    out: Path
    """Folder for features.json and report.html."""
    backbone: str = "dinov3-s"
    """Name or folder, as `lace finetune` takes it."""
    classification: Path | None = None
    """Folder of train/CLASS/IMAGE and val/CLASS/IMAGE (ImageNet as torchvision wants it)."""
    segmentation: Path | None = None
    """Folder of images/{training,validation}/ and annotations/{training,validation}/ (ADEChallengeData2016)."""
    size: int = 224
    """Side of the images [px]."""
    workers: int = 4
    """Processes that read images."""
    device: str = "auto"
    """As `lace finetune` takes it."""
    classifier: ClassificationConfig = field(default_factory=ClassificationConfig)
    head: SegmentationConfig = field(default_factory=SegmentationConfig)


def measure(config: FeaturesConfig) -> dict[str, Any]:
    """Both probes, those of them that have data."""
    device = process_device(config.device)
    backbone = load_backbone(config.backbone, image_size=config.size, device=device)
    found: dict[str, Any] = {"backbone": config.backbone, "commit": commit()}
    if config.classification:
        rate, classes = classification(
            backbone, config.classification, config.size, device, config.classifier, config.workers
        )
        found["top1"] = {
            "value": rate.value,
            "low": rate.low,
            "high": rate.high,
            "n": rate.n,
            "classes": classes,
            "seed": config.classifier.seed,
        }
    if config.segmentation:
        parts = {
            p: SegmentationFolder(config.segmentation, p, config.size, config.head.classes) for p in ("train", "val")
        }
        head = fit_head(backbone, parts["train"], device, config.head, config.workers)
        iou = mean_iou(*overlaps(backbone, head, parts["val"], device, config.workers), seed=config.head.seed)
        found["miou"] = {**vars(iou), "n": len(parts["val"]), "classes": config.head.classes, "seed": config.head.seed}
    return found | {"config": json.loads(json.dumps(asdict(config), default=str))}


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
    found = measure(config)
    console = Console(highlight=False, width=max(120, Console().width))
    headings = ("probe", "ours", "images", "classes", "paper, DINO", "paper, LACE-DINO")
    for row in rows(found):
        console.print(
            "; ".join(f"{name} {cell}" for name, cell in zip(headings, row, strict=True)), markup=False, soft_wrap=True
        )
    publish_bytes(config.out / "features.json", json.dumps(found, indent=1).encode())
    path = write_report(
        config.out,
        Report(
            title=f"Feature quality of {config.backbone}",
            summary="Linear probes on frozen features (sec. 5.7).",
            facts={"image size [px]": config.size},
            config=found["config"],
            sections=[
                Grid(
                    "Probes",
                    headings,
                    rows(found),
                    "Top-1 with its exact (Clopper-Pearson) interval; mean IoU by "
                    "bootstrap over images. The paper's numbers are on ImageNet and ADE20K.",
                )
            ],
            warning=STAND_IN_WARNING if is_stand_in(config.backbone) else "",
        ),
    )
    console.print(f"wrote {config.out / 'features.json'} and {path}", markup=False, soft_wrap=True)
    return 0
