"""Evolution of the similarity distributions P and Q of one keypoint during training (fig. 11)."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.figure import Figure

from lace.alignment import losses
from lace.core.errors import InvalidValueError
from lace.core.files import publish_bytes
from lace.core.keypoints import NAMES
from lace.reports.figures import png

if TYPE_CHECKING:
    from lace.alignment.training import Trainer

NAME = "similarity.npz"
LOOKS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Fractions of the run at which P and Q are stored: early, where they change fastest."""
_CANDIDATES = 16
"""Images of each embodiment among which the pair is chosen."""


class SimilarityLog:
    """Stores P (teacher) and Q (student) of one keypoint of one pair at a few steps, in OUT/similarity.npz."""

    def __init__(self, trainer: "Trainer", out: Path):
        """Creates a similarity log.

        Args:
            trainer: The run; its bank's two first embodiments give the pair that shares most keypoints.
            out: Folder of the run; the file of an interrupted run is read.
        """
        self.trainer, self.path = trainer, out / NAME
        self.due = sorted({round(share * trainer.config.iterations) for share in LOOKS})
        self.anchor, self.other, self.keypoint = _pair(trainer)
        self.kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        if self.path.is_file() and trainer.done:
            with np.load(self.path) as old:
                steps = [step for step in old["steps"].tolist() if step <= trainer.done]
                self.kept = {step: (old["p"][i], old["q"][i]) for i, step in enumerate(steps)}

    @torch.no_grad()
    def look(self, step: int) -> None:
        """Stores the distributions if `step` is the first one at or after a step that is due."""
        if not [due for due in self.due if max(self.kept, default=-1) < due <= step]:
            return
        trainer, pair = self.trainer, torch.tensor([self.anchor, self.other], device=self.trainer.device)
        images = trainer.bank.batch(pair)
        student, teacher = (losses.normalized(net(images)) for net in (trainer.backbone, trainer.teacher))
        at_a, at_b = trainer.patches[pair, self.keypoint]
        p = (teacher[0, at_a] @ teacher[0].T / trainer.config.tau).softmax(-1)
        q = (student[1, at_b] @ student[0].T / trainer.config.tau).softmax(-1)
        self.kept[step] = (p.cpu().numpy(), q.cpu().numpy())
        buffer = io.BytesIO()
        np.savez(
            buffer, steps=list(self.kept), p=[p for p, _ in self.kept.values()], q=[q for _, q in self.kept.values()]
        )
        publish_bytes(self.path, buffer.getvalue())

    def figure(self) -> bytes:
        """PNG: the anchor and the other image, then P above Q at each step kept."""
        bank, patch = self.trainer.bank, self.trainer.backbone.patch
        views = [bank.images[i].permute(1, 2, 0).cpu().numpy() for i in (self.anchor, self.other)]
        points = [bank.keypoints[i, self.keypoint].cpu().numpy() for i in (self.anchor, self.other)]
        titles = [f"{bank.embodiment[i]}, {NAMES[self.keypoint].replace('_', ' ')}" for i in (self.anchor, self.other)]
        return similarity_figure(views, points, titles, self.kept, patch)


def _pair(trainer: "Trainer") -> tuple[int, int, int]:
    """(anchor, other, keypoint): human first if there is one."""
    bank = trainer.bank
    names = sorted(bank.names(), key=lambda name: name != trainer.config.anchor)
    first, second = (bank.members(name)[:_CANDIDATES] for name in (names[0], names[min(1, len(names) - 1)]))
    seen = bank.visible.cpu().numpy()
    shared = (seen[first][:, None] & seen[second][None]).sum(-1)
    shared[first[:, None] == second[None]] = -1
    i, j = np.unravel_index(shared.argmax(), shared.shape)
    common = np.flatnonzero(seen[first[i]] & seen[second[j]])
    if not len(common):
        raise InvalidValueError(
            "choosing a pair to watch",
            "no two images share a visible keypoint",
            "keypoints in common",
            "check the labels with `lace data stats`",
        )
    return int(first[i]), int(second[j]), int(common[-1])


def similarity_figure(
    views: list[np.ndarray],
    points: list[np.ndarray],
    titles: list[str],
    kept: dict[int, tuple[np.ndarray, np.ndarray]],
    patch: int,
) -> bytes:
    """PNG as fig. 11: each distribution is min-max normalised separately; the keypoint's patch is framed in red.

    Args:
        views: Anchor and other image (height, width, 3) uint8.
        points: Their keypoint [px].
        titles: Titles of the images.
        kept: Step -> (P, Q), each (patches,), both over the anchor's patches.
        patch: Side of a patch [px].
    """
    figure = Figure(figsize=(1.7 * (1 + len(kept)), 3.9), layout="constrained")
    axes = figure.subplots(2, 1 + len(kept), squeeze=False)
    rows, cols = views[0].shape[0] // patch, views[0].shape[1] // patch
    for ax, view, point, title in zip(axes[:, 0], views, points, titles, strict=True):
        ax.imshow(view)
        _frame(ax, np.floor(point / patch) * patch, patch)
        ax.set_title(title, fontsize=8)
    for column, (step, pair) in enumerate(kept.items(), 1):
        for ax, name, values in zip(axes[:, column], "PQ", pair, strict=True):
            ax.imshow(values.reshape(rows, cols), cmap="viridis")
            _frame(ax, np.floor(points[0] / patch) - 0.5, 1)
            ax.set_title(f"{name}, step {step}\npeak {values.max() * values.size:.2f} x uniform", fontsize=8)
    for ax in axes.flat:
        ax.set_axis_off()
    return png(figure)


def _frame(ax, corner: np.ndarray, side: float) -> None:
    x, y = corner
    ax.plot([x, x + side, x + side, x, x], [y, y, y + side, y + side, y], color="red", linewidth=1.2)
