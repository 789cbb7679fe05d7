"""Pictures of a measurement: correspondences (fig. 2), joint PCA of hands close up (figs. 4, 7, 8)."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lace.alignment.pairs import FrameBank
from lace.backbones import Backbone
from lace.backbones.backbone import BackboneError
from lace.backbones.described import Described
from lace.core.frames import FrameRecord
from lace.core.keypoints import Visibility
from lace.measure.correspondence import describe
from lace.measure.regions import hand_tokens
from lace.reports.correspondence_figure import LETTERS, LETTERS_IN_WORDS, correspondence_figure
from lace.reports.fingertips_figure import fingertips_figure
from lace.reports.pca_figures import pca_figure
from lace.reports.report import Picture

SHOWN = 24
"""Frames of each embodiment among which the pictured pair is chosen."""
PICTURED = 4
"""Frames of each embodiment in the pictures of PCA and drift."""
_EVERY = slice(None)
_MARGIN = 1.3
"""Side of a close-up over the longer side of the box around the hand's keypoints."""

Views = Mapping[str, Mapping[str, Described]]
"""Title of a backbone -> embodiment -> its described frames."""


def correspondences(views: Views, records: Mapping[str, Sequence[FrameRecord]]) -> list[Picture]:
    """Fig. 2 for each pair of embodiments: of their first frames the two that share most fingertips, then keypoints."""
    names = list(next(iter(views.values())))
    found = []
    for a, b in itertools.combinations_with_replacement(names, 2):
        first = next(iter(views.values()))
        i, j = _most_shared(first[a].visible[:SHOWN], first[b].visible[:SHOWN], a == b)
        images = (records[a][i].image, records[b][j].image)
        png = correspondence_figure(images, {title: (seen[a], seen[b]) for title, seen in views.items()}, i, j)
        note = "A dot is the patch most like the part of the same colour on the left, the ring where that part is. "
        note += f"{LETTERS_IN_WORDS}; the small dots are the joints of the finger of their colour."
        found.append(Picture(f"Correspondence {a}-{b} (fig. 2)", png, note))
    return found


def _most_shared(a: Tensor, b: Tensor, same: bool) -> tuple[int, int]:
    weight = torch.ones(a.shape[1])
    weight[[k for k in LETTERS if k < len(weight)]] += len(weight)
    shared = (a[:, None] & b[None]).float() @ weight
    if same:
        shared.fill_diagonal_(-1)
    return divmod(int(shared.argmax()), shared.shape[1])


def close_up(record: FrameRecord) -> FrameRecord:
    """The square around the hand's keypoints; the whole frame where fewer than three are in it."""
    points = record.keypoints_uv[record.visibility >= Visibility.OCCLUDED]
    if len(points) < 3:
        return record
    low, high = points.min(0), points.max(0)
    height, width = record.image.shape[:2]
    side = int(np.clip(_MARGIN * (high - low).max(), 2, min(height, width)))
    x, y = (
        int(np.clip(c - side / 2, 0, most - side)) for c, most in zip((low + high) / 2, (width, height), strict=True)
    )
    there = np.s_[y : y + side, x : x + side]
    return replace(
        record,
        image=record.image[there],
        keypoints_uv=record.keypoints_uv - np.array([x, y], np.float32),
        segmentation=None if record.segmentation is None else record.segmentation[there],
    )


@dataclass(frozen=True)
class CloseUps:
    """The hands of some frames of each embodiment, close up."""

    records: Mapping[str, Sequence[FrameRecord]]
    """Embodiment -> frames cut around the hand."""
    scale: int = 2
    """Side of the close-ups over the side of the frames that are measured."""

    @classmethod
    def of(cls, records: Mapping[str, Sequence[FrameRecord]]) -> "CloseUps":
        """Of each embodiment the frames with most visible keypoints, at twice the size: for the joint PCA."""
        return cls._of(records, _EVERY, 2)

    @classmethod
    def of_fingertips(cls, records: Mapping[str, Sequence[FrameRecord]]) -> "CloseUps":
        """Of each embodiment the frames that show most of wrist and fingertips: for `fingertips`."""
        return cls._of(records, list(LETTERS), 1)

    @classmethod
    def _of(cls, records: Mapping[str, Sequence[FrameRecord]], keypoints: Any, scale: int) -> "CloseUps":
        chosen = {name: _most_visible(found, keypoints) for name, found in records.items()}
        return cls({name: [close_up(record) for record in found] for name, found in chosen.items()}, scale)

    def described(self, backbone: Backbone, size: int) -> dict[str, Described]:
        """Features of the close-ups at `scale` times `size` px, or at `size` where the backbone takes no other."""
        try:
            return self._described(backbone, self.scale * size)
        except BackboneError:
            return self._described(backbone, size)

    def _described(self, backbone: Backbone, size: int) -> dict[str, Described]:
        return {name: describe(backbone, FrameBank.from_records(found, size)) for name, found in self.records.items()}


def joint_pca(views: Views, close_ups: CloseUps, words: Sequence[str]) -> Picture:
    """Figs. 4, 7 and 8.

    Args:
        views: Title of a backbone -> embodiment -> its described close-ups.
        close_ups: The close-ups.
        words: Words that mark the hand's segments.
    """
    first = next(iter(views.values()))
    grid = next(iter(first.values())).grid
    size = grid[0] * next(iter(first.values())).patch
    png = pca_figure(
        {
            name: FrameBank.from_records(found, size).images.permute(0, 2, 3, 1).numpy()
            for name, found in close_ups.records.items()
        },
        {name: hand_tokens(found, grid, words) for name, found in close_ups.records.items()},
        {title: {n: seen.features for n, seen in found.items()} for title, found in views.items()},
        grid,
    )
    note = "Fitted on the shown hands of all embodiments together; equal colours are parts with similar features."
    return Picture("Joint PCA of hand patches (figs. 4, 7, 8)", png, note)


def fingertips(views: Views, close_ups: CloseUps) -> list[Picture]:
    """Wrist and fingertips found across each pair of different embodiments, on the hands of `close_ups`."""
    found = []
    for a, b in itertools.combinations(close_ups.records, 2):
        images = ([record.image for record in close_ups.records[a]], [record.image for record in close_ups.records[b]])
        drawn = fingertips_figure(images, {title: (seen[a], seen[b]) for title, seen in views.items()})
        note = "A dot is the patch most like the part of the same letter on the left, the ring where that part is. "
        note += f"{LETTERS_IN_WORDS}."
        found.append(Picture(f"Fingertips {a}-{b}, close up", drawn, note))
    return found


def _most_visible(records: Sequence[FrameRecord], keypoints: Any) -> list[FrameRecord]:
    return sorted(records, key=lambda r: -int((r.visibility[keypoints] == Visibility.VISIBLE).sum()))[:PICTURED]
