"""`lace evaluate correspondence`: tables 1, 4, 6 and 8 for one backbone, with trivial predictors; optionally drift."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from lace.alignment.model_card import STAND_IN_WARNING
from lace.alignment.pairs import FrameBank, sample_indices
from lace.backbones import Backbone, is_stand_in, load_backbone
from lace.backbones.described import Described
from lace.backbones.identity import source_digest
from lace.backbones.option import BackboneName
from lace.core.device import process_device
from lace.core.files import publish_bytes
from lace.core.frames import FrameRecord
from lace.core.limits import Within, check_numbers
from lace.core.provenance import commit
from lace.core.run_identity import RunIdentity
from lace.data.dataset import Folders, FrameDataset, dataset_digest, named_folders
from lace.data.origins import Origins, read_origins, require_held_out
from lace.data.roles import require_disjoint, require_roles
from lace.measure.correspondence import describe, differences, directed_sums, summary
from lace.measure.correspondence_report import pictures, publish_report
from lace.measure.drift import HAND_WORDS, displacement, drift, masks_of, token_regions
from lace.measure.pictures import CloseUps
from lace.measure.predictors import chance, mean_keypoints, trivial

__all__ = ["CorrespondenceConfig", "main", "measure"]

MEASUREMENT = "correspondence.json"


@dataclass(frozen=True)
class CorrespondenceConfig:
    """Correspondence between held-out images of one, two or more embodiments."""

    robot: Folders
    """Dataset folder of held-out robot frames; several are taken as one dataset."""
    out: Path
    """Folder for correspondence.json, pictures and report.html."""
    human: Folders | None = None
    """Dataset folders of held-out human frames; without it, only robot-robot is measured."""
    more: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Held-out frames of a further embodiment as NAME=DIR; repeat for each. Every pair is measured (fig. 8)."""
    robot_train: Folders | None = None
    """Robot training frames, whose mean keypoints are a trivial predictor; default the held-out ones (favourable)."""
    human_train: Folders | None = None
    """The same for human frames."""
    more_train: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """The same for a further embodiment as NAME=DIR; repeat for each."""
    backbone: BackboneName = "dinov3-s"
    """Name or folder as for `lace finetune`; OUT/backbone of a fine-tune."""
    before: str | None = None
    """Backbone to compare with, usually the pretrained one: differences of all metrics on the same images, and drift
    (appendix C) if the robot frames have masks."""
    images: Annotated[int, Within(2)] = 100
    """Held-out images per embodiment, drawn from the whole set by the seed."""
    image_size: Annotated[int, Within(1)] = 224
    """Side of the images [px]; the paper does not state that of its EPE."""
    pck: Annotated[float, Within(0, 1, open_low=True)] = 0.1
    """Fraction of the image side within which a keypoint is correct."""
    seed: int = 0
    """Seed of the sample of images and of the bootstrap."""
    device: str = "auto"
    """Device of the backbone: "auto" (CUDA if available), "cpu", "cuda" or "cuda:1"."""
    hand_words: tuple[str, ...] = HAND_WORDS
    """Words that mark the hand's segments, for drift."""

    def __post_init__(self):
        check_numbers(self)


@dataclass(frozen=True)
class HeldOut:
    """The held-out frames of all embodiments by name."""

    records: Mapping[str, list[FrameRecord]]
    banks: Mapping[str, FrameBank]
    train: Mapping[str, FrameBank]
    """Training frames for mean keypoints; embodiments without them use the held-out frames."""


def measure(
    described: Mapping[str, Described],
    train: Mapping[str, FrameBank],
    config: CorrespondenceConfig,
    before: Mapping[str, Described] | None = None,
) -> dict[str, Any]:
    """All pairs of embodiments, trivial predictors for each, and differences to another backbone.

    Args:
        described: Features of held-out frames by embodiment.
        train: Training frames for mean keypoints; the held-out ones where missing.
        config: Settings, stored in the result.
        before: Features of the same frames by `config.before`.
    """
    names = list(described)
    pairs, earlier, changes = {}, {}, {}
    for i, a in enumerate(names):
        for b in names[i:]:
            sums = directed_sums(described[a], None if a == b else described[b], config.pck)
            pairs[f"{a}-{b}"] = summary(sums, config.seed, config.pck, (a, b))
            if before is not None:
                old = directed_sums(before[a], None if a == b else before[b], config.pck)
                earlier[f"{a}-{b}"] = summary(old, config.seed, config.pck, (a, b))
                found = differences(old["pooled"], sums["pooled"], a == b, config.seed)
                changes[f"{a}-{b}"] = {name: vars(interval) for name, interval in found.items()}
    result = {
        "backbone": config.backbone,
        "size_px": config.image_size,
        "pairs": pairs,
        "trivial": {name: _trivial(described[name], train.get(name), config) for name in names},
        "mean_keypoint_from": {name: "training" if name in train else "held-out" for name in names},
        "git_commit": commit(),
        "config": json.loads(json.dumps(asdict(config), default=str)),
    }
    if before is not None:
        result["before"] = {"backbone": config.before, "pairs": earlier, "differences": changes}
    return result


def _trivial(target: Described, train: FrameBank | None, config: CorrespondenceConfig) -> dict[str, Any]:
    points, visible = (target.keypoints, target.visible) if train is None else (train.keypoints, train.visible)
    mean = mean_keypoints(points, visible)
    return {"chance": chance(target), "n": int(target.visible.sum()), **trivial(target, mean, config.pck)}


def main(config: CorrespondenceConfig) -> int:
    """Measures, prints, and writes `out`/correspondence.json, a picture per pair, and report.html."""
    device = process_device(config.device)
    held_out = read_held_out(config)
    with identity_of(config).opened():
        return _run(config, held_out, device)


PLACES = ("robot", "human", "robot_train", "human_train", "more", "more_train", "backbone", "before", "out", "device")
"""Options that say where a measurement finds and puts things: its identity has the content of frames and weights."""


def identity_of(config: CorrespondenceConfig) -> RunIdentity:
    """What the folder of a measurement belongs to: the options, the content of the datasets, and the weights."""
    held_out, train = _folders(config)
    weights = {"measured": config.backbone, "compared": config.before}
    content = {f"{name} held-out frames": dataset_digest(folder) for name, folder in held_out.items()}
    content |= {f"{name} training frames": dataset_digest(folder) for name, folder in train.items()}
    content |= {f"{role} weights": source_digest(name) for role, name in weights.items() if name}
    return RunIdentity(
        config.out / "run.json",
        "a measurement of correspondence",
        {"config": asdict(config), "content": content},
        compared=("config", "content"),
        may_change=PLACES,
    )


def read_held_out(config: CorrespondenceConfig) -> HeldOut:
    """The held-out and training frames; raises InvalidValueError if any were used to train one of the backbones."""
    folders, train_folders = _folders(config)
    datasets = {name: FrameDataset(folder) for name, folder in folders.items()}
    require_roles(datasets)
    records = {name: sample(dataset, config.images, config.seed) for name, dataset in datasets.items()}
    origins = {name: Origins.of(found) for name, found in records.items()}
    require_disjoint(origins)
    for backbone in filter(None, (config.backbone, config.before)):
        training = read_origins(backbone)
        for name, found in origins.items():
            require_held_out(training, found, name)
    return HeldOut(
        records,
        {name: FrameBank.from_records(found, config.image_size) for name, found in records.items()},
        {name: FrameBank.from_dataset(folder, config.image_size) for name, folder in train_folders.items()},
    )


def _run(config: CorrespondenceConfig, held_out: HeldOut, device: torch.device) -> int:
    backbone = load_backbone(config.backbone, image_size=config.image_size, device=device)
    caveat = STAND_IN_WARNING if is_stand_in(config.backbone) else getattr(backbone, "caveat", "")
    hands, tips = CloseUps.of(held_out.records), CloseUps.of_fingertips(held_out.records)
    described = _described(backbone, held_out, config)
    close, near = (chosen.described(backbone, config.image_size) for chosen in (hands, tips))
    del backbone
    before = None
    titled, views, tip_views = {config.backbone: described}, {config.backbone: close}, {config.backbone: near}
    if config.before:
        earlier = load_backbone(config.before, image_size=config.image_size, device=device)
        before = _described(earlier, held_out, config)
        titled = {"before": before, "after": described}
        views = {"before": hands.described(earlier, config.image_size), "after": close}
        tip_views = {"before": tips.described(earlier, config.image_size), "after": near}
    result = measure(described, held_out.train, config, before)
    moved = None
    if before is not None:
        moved, result["drift"] = _drift(before["robot"], described["robot"], held_out.records["robot"], config)
    publish_bytes(config.out / MEASUREMENT, json.dumps(result, indent=1).encode())
    shown = pictures(titled, held_out.records, (hands, views), (tips, tip_views), moved, config.hand_words)
    publish_report(config.out, result, shown, caveat)
    return 0


def _described(backbone: Backbone, held_out: HeldOut, config: CorrespondenceConfig) -> dict[str, Described]:
    return {name: describe(backbone, bank, config.images) for name, bank in held_out.banks.items()}


def _folders(config: CorrespondenceConfig) -> tuple[dict[str, Folders], dict[str, Folders]]:
    """Folders of held-out and of training frames by embodiment."""
    held_out = {"human": config.human, "robot": config.robot}
    train = {"human": config.human_train, "robot": config.robot_train}
    held_out, train = ({name: folder for name, folder in some.items() if folder} for some in (held_out, train))
    return named_folders(config.more, held_out), named_folders(config.more_train, train)


def sample(dataset: FrameDataset, count: int | None, seed: int) -> list[FrameRecord]:
    return [dataset[int(i)] for i in sample_indices(len(dataset), count, seed)]


def _drift(
    before: Described, after: Described, records: Sequence[FrameRecord], config: CorrespondenceConfig
) -> tuple[torch.Tensor | None, dict[str, Any]]:
    """Appendix C on the robot's frames: hand and object tokens (n, tokens), and displacement by region.

    Photographs have no masks; then the tokens are None and the result says so.
    """
    if any(record.segmentation is None for record in records):
        return None, {"left_out": "the robot frames have no segmentation (photographs), so regions are unknown"}
    if before.grid != after.grid or before.features.shape != after.features.shape:
        return None, {"left_out": "the two backbones have features of different shapes"}
    moved = displacement(*(seen.features.unflatten(1, seen.grid) for seen in (before, after)))
    regions = token_regions(masks_of(records, config.hand_words), after.grid)
    return regions[:, 0] | regions[:, 1], drift(moved, regions, config.seed)
