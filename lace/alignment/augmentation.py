"""Random crop-resize and Gaussian blur of images with their keypoints (paper sec. 5.1).

Images are never flipped: a mirrored right hand is a left hand.
"""

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lace.core.limits import Range, Within, check_numbers

_TRIES = 20
"""Crops drawn for an image before the whole image is used."""
_CHUNK = 64


@dataclass(frozen=True)
class AugmentConfig:
    """Strength of the augmentation. The paper names the operations and gives no numbers; these are ours."""

    scale: Annotated[Range, Within(0, 1, open_low=True)] = (0.5, 1.0)
    """Side of the crop as a fraction of the image's."""
    aspect: Annotated[Range, Within(0, open_low=True)] = (0.85, 1.18)
    """Width over height of the crop, relative to the image's."""
    blur_chance: Annotated[float, Within(0, 1)] = 0.5
    blur_sigma: Annotated[Range, Within(0, open_low=True)] = (0.1, 2.0)
    """Standard deviation of the Gaussian blur [px of the result]."""

    def __post_init__(self):
        check_numbers(self, "--augment.{}")


def draw_crops(
    keypoints: np.ndarray, visible: np.ndarray, side: tuple[int, int], config: AugmentConfig, rng: np.random.Generator
) -> np.ndarray:
    """Random crops xyxy (n, 4) [px] inside images of `side` (width, height).

    Each contains a visible keypoint if such a crop is found.

    Args:
        keypoints: (n, 21, 2) [px].
        visible: (n, 21) bool.
        side: Width and height of the images [px].
        config: Strength.
        rng: Source of the draws.
    """
    side_px = np.asarray(side, float)
    boxes = np.tile(np.concatenate([[0, 0], side_px]), (len(keypoints), 1))
    todo = np.arange(len(keypoints))
    for _ in range(_TRIES):
        scale = rng.uniform(*config.scale, len(todo))
        ratio = np.sqrt(np.exp(rng.uniform(*np.log(config.aspect), len(todo))))
        extent = np.minimum(np.stack([scale * ratio, scale / ratio], 1), 1) * side_px
        corner = rng.uniform(0, 1, (len(todo), 2)) * (side_px - extent)
        drawn = np.concatenate([corner, corner + extent], 1)
        uv = keypoints[todo]
        inside = ((uv >= drawn[:, None, :2]) & (uv < drawn[:, None, 2:])).all(-1) & visible[todo]
        kept = inside.any(1)
        boxes[todo[kept]] = drawn[kept]
        todo = todo[~kept]
        if not len(todo):
            break
    return boxes


def crop_resize(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Crops xyxy (n, 4) [px] of images (n, 3, H, W) float resampled bilinearly to (n, 3, size, size)."""
    height, width = images.shape[-2:]
    scale = boxes.new_tensor([width, height])
    half = (boxes[:, 2:] - boxes[:, :2]) / scale
    centre = (boxes[:, 2:] + boxes[:, :2]) / scale - 1
    theta = torch.zeros(len(images), 2, 3, dtype=images.dtype, device=images.device)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = half[:, 0], half[:, 1], centre
    grid = functional.affine_grid(theta, [len(images), 3, size, size], align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def move_keypoints(keypoints: Tensor, visible: Tensor, boxes: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Keypoints (n, 21, 2) [px] and visibility (n, 21) after `crop_resize`; those that leave become invisible."""
    extent = (boxes[:, 2:] - boxes[:, :2])[:, None]
    moved = (keypoints - boxes[:, None, :2]) / extent * size
    return moved, visible & ((moved >= 0) & (moved < size)).all(-1)


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of images (n, 3, H, W), each by its own `sigma` (n,) [px]; borders are replicated."""
    n, channels = images.shape[:2]
    radius = max(1, int(np.ceil(3 * float(sigma.max()))))
    x = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-((x / sigma.clamp(min=1e-3)[:, None]) ** 2) / 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = functional.pad(images, [radius] * 4, mode="replicate").reshape(
        1, n * channels, *(side + 2 * radius for side in images.shape[-2:])
    )
    rows = functional.conv2d(flat, kernel[:, None, None, :], groups=n * channels)
    return functional.conv2d(rows, kernel[:, None, :, None], groups=n * channels).reshape(images.shape)


def augmented(
    image: np.ndarray,
    keypoints: np.ndarray,
    visible: np.ndarray,
    views: int,
    size: int,
    *,
    config: AugmentConfig,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Augmented views of one image: (images uint8 (views, 3, size, size), keypoints (views, 21, 2) [px], visible).

    Crops are cut from the image at its full resolution and then resized, so that small crops stay sharp.

    Args:
        image: (H, W, 3) uint8.
        keypoints: (21, 2) [px].
        visible: (21,) bool.
        views: Number of views.
        size: Side of the views [px].
        config: Strength.
        rng: Source of all draws.
    """
    height, width = image.shape[:2]
    points, seen = (np.repeat(value[None], views, 0) for value in (keypoints, visible))
    boxes = draw_crops(points, seen, (width, height), config, rng)
    sigma = torch.from_numpy(rng.uniform(*config.blur_sigma, views)).float()
    sigma[torch.from_numpy(rng.uniform(size=views) >= config.blur_chance)] = 0
    crops = torch.stack([resized_crop(image, box, size) for box in boxes])
    made = torch.cat([blur(crops[i : i + _CHUNK], sigma[i : i + _CHUNK]) for i in range(0, views, _CHUNK)])
    moved = move_keypoints(
        torch.from_numpy(points).float(), torch.from_numpy(seen), torch.from_numpy(boxes).float(), size
    )
    return made.round().clamp(0, 255).byte(), *moved


def resized_crop(image: np.ndarray, box: np.ndarray, size: int) -> Tensor:
    """The crop `box` xyxy (4,) [px] of an image (H, W, 3) uint8 as (3, size, size) float.

    Where the crop shrinks, the image is first reduced by area averaging to the crop's final resolution.
    """
    height, width = image.shape[:2]
    shrink = np.minimum(size / (box[2:] - box[:2]), 1)
    reduced = np.maximum(np.rint(np.array([width, height]) * shrink), 1).astype(int)
    if tuple(reduced) != (width, height):
        image = cv2.resize(image, tuple(int(side) for side in reduced), interpolation=cv2.INTER_AREA)
    scaled = torch.from_numpy(box * np.tile(reduced / np.array([width, height]), 2)).float()
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
    return crop_resize(pixels, scaled[None], size)[0]
