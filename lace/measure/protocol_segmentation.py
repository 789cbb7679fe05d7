"""ADE20K linear segmentation by the protocol of DINOv2 (Oquab et al. 2024, sec. 7.4) and DINOv3 (its linear probe).

Random scaling, crops of 512 px and flips in training, dropout before the linear layer, a sweep over learning rates, and
a sliding window of 512 px at full resolution for the test. The learning rate is chosen on the last tenth of the
training images, which are not trained on.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics.functional.classification import multiclass_confusion_matrix

from lace.backbones import Backbone
from lace.core.draws import generator, seed64
from lace.core.files import publish_bytes, reading
from lace.core.limits import Range, Within
from lace.core.progress import track
from lace.measure.linear_segmentation import IGNORED, SegmentationFolder, mean_iou

_SAVE_EVERY = 1000
"""Steps between checkpoints."""
_CHOOSING = 0.1


@dataclass(frozen=True)
class WindowConfig:
    """The head; defaults are those of DINOv2."""

    window: Annotated[int, Within(1)] = 512
    """Side of the crops and of the sliding window [px]; rounded to a multiple of the patch."""
    stride: Annotated[int, Within(1)] = 341
    """Step of the sliding window [px]."""
    iterations: Annotated[int, Within(1)] = 40_000
    batch: Annotated[int, Within(1)] = 16
    learning_rates: Annotated[tuple[float, ...], Within(0, open_low=True)] = (1e-4, 3e-4, 1e-3, 3e-3)
    weight_decay: Annotated[float, Within(0)] = 1e-4
    dropout: Annotated[float, Within(0, 1, open_high=True)] = 0.1
    scale: Annotated[Range, Within(0, open_low=True)] = (0.5, 2.0)
    """Of the shorter side before the crop, relative to the window."""
    seed: int = 0


class DropoutHead(nn.Module):
    """Batch norm, dropout and one linear layer on every patch, upsampled to pixels."""

    def __init__(self, dim: int, classes: int, dropout: float):
        super().__init__()
        self.layers = nn.Sequential(nn.BatchNorm2d(dim), nn.Dropout2d(dropout), nn.Conv2d(dim, classes, 1))

    def forward(self, features: Tensor, size: int) -> Tensor:
        """Features (n, rows, cols, dim) to logits (n, classes, size, size)."""
        logits = self.layers(features.permute(0, 3, 1, 2))
        return nn.functional.interpolate(logits, (size, size), mode="bilinear", align_corners=False)


def training_crop(data: SegmentationFolder, i: int, side: int, config: WindowConfig, rng: np.random.Generator):
    """A scaled, cropped and perhaps mirrored image (3, side, side) in [0, 1] with its labels (side, side)."""
    image, label = data.full(i)
    scale = side * rng.uniform(*config.scale) / min(label.shape)
    width, height = (max(side, round(extent * scale)) for extent in label.shape[::-1])
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    label = cv2.resize(label, (width, height), interpolation=cv2.INTER_NEAREST)
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    image, label = (part[top : top + side, left : left + side] for part in (image, label))
    if rng.random() < 0.5:
        image, label = image[:, ::-1], label[:, ::-1]
    return tensors(image, label)


def tensors(image: np.ndarray, label: np.ndarray) -> tuple[Tensor, Tensor]:
    """Image (3, H, W) in [0, 1] and labels (H, W) with `IGNORED` for no class."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
    return pixels, torch.from_numpy(label.astype(np.int64)) - 1


def fit_heads(
    backbone: Backbone, data: SegmentationFolder, used: int, config: WindowConfig, device: torch.device, path: Path
) -> nn.ModuleList:
    """One head for each learning rate, trained together on the first `used` images; resumable from `path`."""
    torch.manual_seed(seed64(config.seed))
    heads = nn.ModuleList(DropoutHead(backbone.dim, data.classes, config.dropout) for _ in config.learning_rates)
    heads.to(device).train()
    groups = [
        {"params": head.parameters(), "lr": rate} for head, rate in zip(heads, config.learning_rates, strict=True)
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.iterations)
    parts = {"heads": heads, "optimizer": optimizer, "schedule": schedule}
    first = _restored(parts, path, device)
    side = window_of(backbone, config)
    for step in track(range(first, config.iterations), config.iterations - first, "linear heads", "steps"):
        rng = generator(config.seed, step)
        torch.manual_seed(seed64(config.seed + step))  # dropout: a resumed run equals an uninterrupted one
        crops = [training_crop(data, int(i), side, config, rng) for i in rng.integers(used, size=config.batch)]
        images, labels = (torch.stack(column).to(device) for column in zip(*crops, strict=True))
        with torch.no_grad():
            features = backbone(images)
        losses = [nn.functional.cross_entropy(head(features, side), labels, ignore_index=IGNORED) for head in heads]
        optimizer.zero_grad()
        torch.stack(losses).nan_to_num().sum().backward()  # a crop without labels has no loss
        optimizer.step()
        schedule.step()
        if (step + 1) % _SAVE_EVERY == 0 or step + 1 == config.iterations:
            _save(parts, path, step + 1)
    return heads.eval()


def _save(parts: dict, path: Path, step: int) -> None:
    buffer = io.BytesIO()
    torch.save({name: part.state_dict() for name, part in parts.items()} | {"step": step}, buffer)
    publish_bytes(path, buffer.getvalue())


def _restored(parts: dict, path: Path, device: torch.device) -> int:
    """Loads a checkpoint; returns the steps that are done."""
    if not path.is_file():
        return 0
    with reading(path, "a checkpoint of this evaluation", f"remove {path} to start again"):
        content = torch.load(path, map_location=device, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(content[name])
        return int(content["step"])


def window_of(backbone: Backbone, config: WindowConfig) -> int:
    """Side of the window as a multiple of the patch [px]."""
    return max(1, round(config.window / backbone.patch)) * backbone.patch


@torch.no_grad()
def sliding_logits(
    backbone: Backbone, heads: nn.ModuleList, image: Tensor, config: WindowConfig, device: torch.device
) -> Tensor:
    """Mean logits (heads, classes, H, W) of all windows over an image (3, H, W) whose shorter side is the window's."""
    side = window_of(backbone, config)
    height, width = image.shape[1:]
    total: Tensor | None = None
    count = torch.zeros(height, width)
    for top in positions(height, side, config.stride):
        for left in positions(width, side, config.stride):
            part = (slice(top, top + side), slice(left, left + side))
            features = backbone(image[:, *part][None].to(device))
            found = torch.stack([head(features, side)[0] for head in heads]).cpu()
            if total is None:
                total = torch.zeros(*found.shape[:2], height, width)
            total[:, :, *part] += found
            count[part] += 1
    assert total is not None
    return total / count


def positions(extent: int, side: int, stride: int) -> list[int]:
    """Starts of windows of `side` that cover `extent`, the last one at the end."""
    starts = list(range(0, max(extent - side, 0) + 1, stride))
    return starts if starts[-1] + side >= extent else [*starts, extent - side]


def measured_overlaps(
    backbone: Backbone, heads: nn.ModuleList, data: SegmentationFolder, rows: range, config: WindowConfig, device
) -> tuple[np.ndarray, np.ndarray]:
    """Intersection and union [px] (heads, images, classes) at the images' own resolution."""
    found = []
    side = window_of(backbone, config)
    for i in track(rows, len(rows), "mean IoU", "images"):
        image, label = data.full(i)
        scale = side / min(label.shape)
        width, height = (max(side, round(extent * scale)) for extent in label.shape[::-1])
        resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        pixels, truth = tensors(resized, label)
        logits = sliding_logits(backbone, heads, pixels, config, device)
        answers = nn.functional.interpolate(logits, truth.shape, mode="bilinear", align_corners=False).argmax(1)
        matrices = [
            multiclass_confusion_matrix(answer, truth, data.classes, ignore_index=IGNORED).double()
            for answer in answers
        ]
        hits = torch.stack([matrix.diagonal() for matrix in matrices])
        unions = torch.stack([matrix.sum(0) + matrix.sum(1) for matrix in matrices]) - hits
        found.append((hits.numpy(), unions.numpy()))
    hits, unions = (np.stack(column, 1) for column in zip(*found, strict=True))
    return hits, unions


def window_segmentation(backbone: Backbone, folder: Path, classes: int, config: WindowConfig, device, path: Path):
    """(mean IoU on val with its interval, images, chosen learning rate)."""
    train, val = (SegmentationFolder(folder, part, config.window, classes) for part in ("train", "val"))
    used = max(1, len(train) - max(1, round(_CHOOSING * len(train))))
    heads = fit_heads(backbone, train, used, config, device, path)
    hits, unions = measured_overlaps(
        backbone, heads, train, range(min(used, len(train) - 1), len(train)), config, device
    )
    scores = [mean_iou(h, u).value for h, u in zip(hits, unions, strict=True)]
    best = int(np.argmax(scores))
    hits, unions = measured_overlaps(backbone, nn.ModuleList([heads[best]]), val, range(len(val)), config, device)
    return mean_iou(hits[0], unions[0], seed=config.seed), len(val), config.learning_rates[best]
