"""Figures: correspondence lines as in fig. 2 of the paper, and the curves of a training run."""

import io
import json
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch

from lace.backbones.described import Described
from lace.core.errors import InvalidValueError

_RIGHT, _WRONG = "#56b4e9", "#e69f00"
"""Colours (Okabe and Ito 2008) of a hit within one patch of the truth and of a miss."""
_DPI = 110


def png(figure: Figure) -> bytes:
    """The figure as PNG; deterministic."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def correspondence_figure(
    images: tuple[np.ndarray, np.ndarray], source: Described, target: Described, i: int, j: int
) -> bytes:
    """PNG: each shared visible keypoint of source image `i` joined to its most similar patch of target image `j`.

    Args:
        images: The two images (height, width, 3) uint8.
        source: Described source images.
        target: Described target images.
        i: Which source image.
        j: Which target image.
    """
    shared = np.flatnonzero((source.visible[i] & target.visible[j]).numpy())
    similarity = source.descriptors[i, shared] @ target.features[j].T
    found = target.centres[similarity.argmax(-1)].numpy()
    truth, start = target.keypoints[j, shared].numpy(), source.keypoints[i, shared].numpy()
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    axes = figure.subplots(1, 2)
    for ax, image, title in zip(
        axes, images, ("source keypoints", "most similar patches; + is the truth"), strict=True
    ):
        ax.imshow(image)
        ax.set_axis_off()
        ax.set_title(title, fontsize=9)
    hits = np.abs(found - truth).max(-1, initial=0) <= target.patch
    for a, b, c, hit in zip(start, found, truth, hits, strict=True):
        colour = _RIGHT if hit else _WRONG
        axes[1].plot(*c, "+", color="white", markersize=6)
        line = ConnectionPatch(a, b, "data", "data", axesA=axes[0], axesB=axes[1], color=colour, linewidth=1)
        figure.add_artist(line)
        axes[0].plot(*a, "o", color=colour, markersize=3)
        axes[1].plot(*b, "o", color=colour, markersize=3)
    figure.suptitle(
        f"{hits.sum()} of {len(hits)} shared keypoints within a patch (blue); the others orange", fontsize=10
    )
    return png(figure)


def loss_figure(metrics: str | Path) -> bytes:
    """PNG of the numbers a training run wrote to metrics.jsonl, against its steps."""
    path = Path(metrics)
    if not path.is_file() or not path.read_text().strip():
        raise InvalidValueError(
            "drawing the loss curves",
            f"{path} is missing or empty",
            "metrics.jsonl of a training run",
            "give the --out of `lace finetune`",
        )
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    names = [name for name in ("loss", "align", "gram", "entropy_p", "entropy_q") if name in rows[0]]
    figure = Figure(figsize=(2.6 * len(names), 2.4), layout="constrained")
    for ax, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        ax.plot([row["step"] for row in rows], [row[name] for row in rows], color="#44546a", linewidth=1)
        ax.set_title(name.replace("_", " "), fontsize=9)
        ax.set_xlabel("step", fontsize=8)
        ax.tick_params(labelsize=7)
    return png(figure)
