"""Figures of the joint PCA: equal colours are similar features (figs. 4, 7, 8); changed colours are drift (fig. 9)."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lace.core.errors import InvalidValueError
from lace.reports.figures import png

_TAIL = 0.02
"""Share of the values beyond each end of the colour range."""


def joint_colours(features: Sequence[Tensor], masks: Sequence[Tensor]) -> list[Tensor]:
    """RGB in [0, 1] of every patch: the first three principal components, fitted on the masked patches of all together.

    Args:
        features: Each (n_i, patches, dim).
        masks: Each (n_i, patches) bool.

    Raises:
        InvalidValueError: Fewer than four patches are masked: three components and a mean need four.
    """
    chosen = torch.cat([part[mask] for part, mask in zip(features, masks, strict=True)]).double()
    if len(chosen) < 4:
        raise InvalidValueError(
            "fitting the joint PCA",
            f"{len(chosen)} patches of hands",
            "at least 4",
            "give frames in which the hand is larger, or a larger --size",
        )
    mean = chosen.mean(0)
    _u, _s, axes = torch.linalg.svd(chosen - mean, full_matrices=False)
    axes = axes[:3] * axes[:3].gather(1, axes[:3].abs().argmax(1, keepdim=True)).sign()  # a deterministic sign
    scores = (chosen - mean) @ axes.T
    low, high = torch.quantile(scores, _TAIL, 0), torch.quantile(scores, 1 - _TAIL, 0)
    span = (high - low).clamp(min=1e-12)
    return [(((part.double() - mean) @ axes.T - low) / span).clamp(0, 1).float() for part in features]


def _over(image: np.ndarray, colours: Tensor, mask: Tensor, grid: tuple[int, int]) -> np.ndarray:
    """Colours (patches, 3) of the masked patches over the greyed image, nearest neighbour."""
    height, width = image.shape[:2]
    rows, cols = np.arange(height) * grid[0] // height, np.arange(width) * grid[1] // width
    rgb, shown = colours.reshape(*grid, 3).numpy(), mask.reshape(grid).numpy()
    pale = 255 - (255 - image.mean(-1, keepdims=True).repeat(3, -1)) * 0.35
    return np.where(shown[rows][:, cols, None], rgb[rows][:, cols] * 255, pale).astype(np.uint8)


def pca_figure(
    images: dict[str, np.ndarray],
    masks: dict[str, Tensor],
    features: dict[str, dict[str, Tensor]],
    grid: tuple[int, int],
) -> bytes:
    """PNG: frames of all embodiments side by side, below them the joint PCA of each backbone.

    Args:
        images: Embodiment -> (n, height, width, 3) uint8.
        masks: Embodiment -> hand patches (n, patches) bool.
        features: Backbone's title -> embodiment -> (n, patches, dim).
        grid: Rows and columns of patches.
    """
    names = list(images)
    columns = [(name, i) for name in names for i in range(len(images[name]))]
    figure = Figure(figsize=(1.5 * len(columns) + 0.5, 1.6 * (1 + len(features)) + 0.3), layout="constrained")
    axes = figure.subplots(1 + len(features), len(columns), squeeze=False)
    for column, (name, i) in enumerate(columns):
        axes[0, column].imshow(images[name][i])
        axes[0, column].set_title(name, fontsize=9)
    for row, (title, parts) in enumerate(features.items(), 1):
        colours = joint_colours([parts[name] for name in names], [masks[name] for name in names])
        for column, (name, i) in enumerate(columns):
            shown = colours[names.index(name)][i]
            axes[row, column].imshow(_over(images[name][i], shown, masks[name][i], grid))
        axes[row, 0].set_ylabel(title, fontsize=9)
    _bare(axes)
    return png(figure)


def drift_figure(images: np.ndarray, masks: Tensor, before: Tensor, after: Tensor, grid: tuple[int, int]) -> bytes:
    """PNG: image, PCA of both backbones in one space (fitted on masked patches of both), displacement of patches.

    Args:
        images: (n, height, width, 3) uint8.
        masks: Patches of hand and objects (n, patches) bool; the background is left out as in appendix C.
        before: L2-normalised features (n, patches, dim) of the pretrained backbone.
        after: Of the fine-tuned one.
        grid: Rows and columns of patches.
    """
    colours = joint_colours([before, after], [masks, masks])
    moved = (before - after).norm(dim=-1)
    figure = Figure(figsize=(7.2, 1.7 * len(images) + 0.4), layout="constrained")
    axes = figure.subplots(len(images), 4, squeeze=False)
    for i, image in enumerate(images):
        axes[i, 0].imshow(image)
        for column, part in enumerate(colours, 1):
            axes[i, column].imshow(_over(image, part[i], masks[i], grid))
        heat = axes[i, 3].imshow(moved[i].reshape(grid), cmap="magma", vmin=0, vmax=max(1e-6, float(moved.max())))
    for ax, title in zip(axes[0], ("image", "before", "after", "|f - f'|"), strict=True):
        ax.set_title(title, fontsize=9)
    _bare(axes)
    figure.colorbar(heat, ax=axes[:, 3].tolist(), fraction=0.08).ax.tick_params(labelsize=7)
    return png(figure)


def _bare(axes: np.ndarray) -> None:
    for ax in axes.flat:
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
