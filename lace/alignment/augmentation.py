"""Random crop-resize and Gaussian blur that carry keypoints along (paper sec. 5.1). Never flips: a mirrored right
hand is a left hand."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_TRIES = 20
"""Crops drawn for an image before it is taken whole."""
_CHUNK = 64


@dataclass(frozen=True)
class AugmentConfig:
    """Strength; the paper names the operations and no numbers, so these are ours."""

    scale: tuple[float, float] = (0.5, 1.0)
    """Side of the crop as a fraction of the image's."""
    aspect: tuple[float, float] = (0.85, 1.18)
    """Width over height of the crop, relative to the image's."""
    blur_chance: float = 0.5
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    """Of the Gaussian blur [px of the result]."""


def draw_crops(
    keypoints: np.ndarray, visible: np.ndarray, side: tuple[int, int], config: AugmentConfig, rng: np.random.Generator
) -> np.ndarray:
    """Crops xyxy (n, 4) [px] inside images of `side` (width, height); each keeps a visible keypoint if one can be had.

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
    images: Tensor, keypoints: Tensor, visible: Tensor, size: int, *, config: AugmentConfig, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """One augmented view of every image: (images uint8 (n, 3, size, size), keypoints [px], visible).

    Args:
        images: (n, 3, H, W) uint8.
        keypoints: (n, 21, 2) float32 [px].
        visible: (n, 21) bool.
        size: Side of the result [px].
        config: Strength.
        rng: Source of all draws.
    """
    height, width = images.shape[-2:]
    boxes = draw_crops(keypoints.numpy(), visible.numpy(), (width, height), config, rng)
    boxes = torch.from_numpy(boxes).float()
    sigma = torch.from_numpy(rng.uniform(*config.blur_sigma, len(images))).float()
    sigma[torch.from_numpy(rng.uniform(size=len(images)) >= config.blur_chance)] = 0
    views = []
    for start in range(0, len(images), _CHUNK):
        part = slice(start, start + _CHUNK)
        view = blur(crop_resize(images[part].float(), boxes[part], size), sigma[part])
        views.append(view.round().clamp(0, 255).byte())
    return torch.cat(views), *move_keypoints(keypoints, visible, boxes, size)
