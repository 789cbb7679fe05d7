"""Sharpness of training crops cut from full-size frames, against crops cut from frames that were shrunk first.

    uv run lace generate human --frames 40 --width 960 --height 720 --out runs/large
    uv run python -m benchmarks.crop_sharpness runs/large --out crops.jpg

The same crops, of the sizes that the augmentation draws, are cut both ways; no blur is added. The measure is the energy
of the crop's gradient (mean of the squared difference of neighbouring pixels).
The picture shows pairs, before above after.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
import tyro

from lace.alignment.augmentation import AugmentConfig, draw_crops, resized_crop
from lace.core.files import publish_bytes
from lace.data.dataset import FrameDataset
from lace.data.schema import encode_image

SIZE = 224
BINS = ((0.5, 0.67), (0.67, 0.83), (0.83, 1.0))
"""Side of the crop as a fraction of the image's."""


def main(folder: Path, /, out: Path, views: int = 8, seed: int = 0) -> None:
    """Prints the ratio of gradient energies by size of the crop, and draws the smallest crops of the first frames."""
    dataset, rng = FrameDataset(folder), np.random.default_rng(seed)
    found, pairs = [], []
    for record in dataset:
        height, width = record.image.shape[:2]
        points, seen = (np.repeat(v[None], views, 0) for v in (record.keypoints_uv, record.visibility > 0))
        small = cv2.resize(record.image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        boxes = draw_crops(points, seen, (width, height), AugmentConfig(), rng)
        sides = np.sqrt(np.prod((boxes[:, 2:] - boxes[:, :2]) / (width, height), axis=1))
        for side, box in zip(sides, boxes, strict=True):
            after = resized_crop(record.image, box, SIZE)
            before = resized_crop(small, box * np.tile([SIZE / width, SIZE / height], 2), SIZE)
            found.append((side, energy(before), energy(after)))
            if side == sides.min():
                pairs.append(torch.cat([before, after], 1))
    rows = np.array(found)
    print(f"{len(dataset)} frames of {width} x {height}, {len(rows)} crops of {SIZE} px")
    print(f"{'side of the crop':<20}{'crops':>8}{'median ratio':>14}{'10 %':>8}{'90 %':>8}")
    for low, high in BINS:
        ratio = (rows[:, 2] / rows[:, 1])[(rows[:, 0] >= low) & (rows[:, 0] < high)]
        marks = np.quantile(ratio, (0.5, 0.1, 0.9)) if len(ratio) else [np.nan] * 3
        print(f"{low:.2f} to {high:<12.2f}{len(ratio):>8}" + f"{marks[0]:>14.2f}{marks[1]:>8.2f}{marks[2]:>8.2f}")
    picture = torch.cat(pairs[:4], 2).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    publish_bytes(out, encode_image(picture, "jpg"))


def energy(crop: torch.Tensor) -> float:
    """Mean squared difference of neighbouring pixels."""
    return float((crop.diff(dim=1) ** 2).mean() + (crop.diff(dim=2) ** 2).mean())


if __name__ == "__main__":
    tyro.cli(main)
