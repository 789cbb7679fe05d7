"""Fig. 2 of the paper: where each part of one hand is found on another, coloured by finger."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from lace.backbones.described import Described
from lace.core.keypoints import NAMES
from lace.reports.figures import png

COLOURS = ("#ffffff", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7")
"""Of the wrist, thumb, index, middle, ring and little finger (Okabe and Ito 2008)."""
LETTERS = {0: "W", 4: "T", 8: "I", 12: "M", 16: "R", 20: "L"}
"""Keypoints with a letter: the wrist and the fingertips."""
LETTERS_IN_WORDS = ", ".join(f"{letter} {NAMES[k].replace('_', ' ')}" for k, letter in LETTERS.items())
_EDGE = [withStroke(linewidth=2.5, foreground="#111827")]


def colour_of(keypoint: int) -> str:
    """The finger's colour."""
    return COLOURS[(keypoint + 3) // 4]


def correspondence_figure(
    images: tuple[np.ndarray, np.ndarray], described: Mapping[str, tuple[Described, Described]], i: int, j: int
) -> bytes:
    """PNG: the source image with its keypoints, then for each backbone the target with what it answers.

    A filled dot is the patch most similar to the source's keypoint, the ring of its colour the truth.

    Args:
        images: Source and target image (height, width, 3) uint8, at any resolution.
        described: Title of a backbone -> (described source images, described target images).
        i: Which source image.
        j: Which target image.
    """
    source, target = next(iter(described.values()))
    shared = np.flatnonzero((source.visible[i] & target.visible[j]).numpy())
    figure = Figure(figsize=(4.1 * (1 + len(described)), 4.5), layout="constrained")
    axes = figure.subplots(1, 1 + len(described))
    show_described(axes[0], images[0], source, "the parts asked for")
    for k in shared:
        mark_part(axes[0], source.keypoints[i, k].numpy(), k)
    for ax, (title, (a, b)) in zip(axes[1:], described.items(), strict=True):
        found = b.centres[(a.descriptors[i, shared] @ b.features[j].T).argmax(-1)].numpy()
        truth = b.keypoints[j, shared].numpy()
        error = np.linalg.norm(found - truth, axis=1)
        mean = f"{error.mean():.0f} px off on average" if len(error) else "no part in common"
        show_described(ax, images[1], b, f"{title}: {mean}" if title else mean)
        for k, here, there in zip(shared, found, truth, strict=True):
            mark_answer(ax, here, there, k)
    return png(figure)


def show_described(ax: Axes, image: np.ndarray, described: Described, title: str) -> None:
    """The image in the pixels of what was described."""
    height, width = (side * described.patch for side in described.grid)
    ax.imshow(image, extent=(0, width, height, 0))
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.set_axis_off()
    ax.set_title(title, fontsize=11)


def mark_answer(ax: Axes, found: np.ndarray, truth: np.ndarray, keypoint: int) -> None:
    """The truth as a ring, the answer as a dot, and the error between them."""
    colour = colour_of(keypoint)
    ax.plot(*zip(truth, found, strict=True), color=colour, linewidth=1.4, alpha=0.9)
    ax.plot(*truth, "o", markersize=8, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=1.8)
    mark_part(ax, found, keypoint)


def mark_part(ax: Axes, place: np.ndarray, keypoint: int) -> None:
    """A dot of the finger's colour at `place` [px], with a letter at the wrist and the fingertips."""
    tip = LETTERS.get(int(keypoint))
    ax.plot(
        *place, "o", markersize=8 if tip else 5, markerfacecolor=colour_of(keypoint), markeredgecolor="#111827",
        markeredgewidth=0.8,
    )  # fmt: skip
    if tip:
        ax.annotate(
            tip,
            (float(place[0]), float(place[1])),
            (5, 5),
            textcoords="offset points",
            color="white",
            fontsize=11,
            weight="bold",
            path_effects=_EDGE,
        )
