"""Feature drift (appendix C): displacement of patch features by fine-tuning, on hand, objects and background.

Displacement of a token is the distance between its L2-normalised features before and after, |f - f'| in [0, 2]. Drift
is selective if it is large on the hand and small elsewhere.
"""

import re
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from lace.core.draws import generator
from lace.core.errors import InvalidValueError
from lace.core.frames import FrameRecord
from lace.core.geometry import BoolArray
from lace.core.semantics import EMBODIMENTS, OBJECTS
from lace.measure.bootstrap import LEVEL, image_weights, ratio

REGIONS = ("hand", "object", "background")
HAND_WORDS = (
    "hand",
    "leap",
    "palm",
    "thumb",
    "index",
    "middle",
    "ring",
    "little",
    "gripper",
    "finger",
    "rod",
)
"""A body's segment belongs to the hand if its name or instance contains one of these whole words."""


def region_masks(record: FrameRecord, hand_words: Sequence[str] = HAND_WORDS) -> BoolArray:
    """Masks (3, height, width) bool of hand, object and background (all else, the arm left out).

    A body of a single segment is all hand.
    """
    if record.segmentation is None:
        raise InvalidValueError(
            f"measuring drift on frame {record.index}",
            "it has no segmentation",
            "frames with masks",
            "use rendered frames (`lace generate`); photographs have no masks",
        )
    bodies = [s for s in record.segments if s.semantic in EMBODIMENTS]
    hands = [s.id for s in bodies if len(bodies) == 1 or _words(f"{s.name} {s.instance}") & set(hand_words)]
    if bodies and not hands:
        names = ", ".join(s.name for s in bodies)
        raise InvalidValueError(
            f"measuring drift on frame {record.index}",
            f"none of the segments {names} belongs to the hand",
            f"a name with one of {', '.join(hand_words)}",
            "name the hand's links with --hand-words",
        )
    objects = [s.id for s in record.segments if s.semantic in OBJECTS]
    hand, thing = np.isin(record.segmentation, hands), np.isin(record.segmentation, objects)
    body = np.isin(record.segmentation, [s.id for s in bodies])
    return np.stack([hand, thing, ~(body | thing)])


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def token_regions(masks: Tensor, grid: tuple[int, int], share: float = 0.5) -> Tensor:
    """Tokens (n, 3, rows * cols) of which more than `share` of the area lies in each mask (n, 3, height, width)."""
    area = interpolate(masks.float(), grid, mode="area")
    return area.flatten(2) > share


def displacement(before: Tensor, after: Tensor) -> Tensor:
    """|f - f'| (n, rows, cols) of the L2-normalised features of two backbones (n, rows, cols, dim)."""
    return (normalize(before, dim=-1) - normalize(after, dim=-1)).norm(dim=-1)


def drift(moved: Tensor, regions: Tensor, seed: int = 0) -> dict:
    """Mean displacement per region with bootstrap intervals over images; None if no image has such a token.

    Args:
        moved: Displacement of each token (n, rows, cols).
        regions: Tokens of each region (n, 3, rows * cols) bool.
        seed: Seed of the resampling.
    """
    total = (moved.flatten(1)[:, None] * regions).sum(-1).double().numpy()
    count = regions.sum(-1).double().numpy()
    weight = image_weights(len(count), generator(seed))
    totals, counts = weight @ total, weight @ count
    report: dict = {"images": len(count), "seed": seed, "level": LEVEL}
    for i, name in enumerate(REGIONS):
        seen = count[:, i].sum()
        found = ratio(total[:, i].sum(), seen, totals[:, i], counts[:, i]) if seen else None
        report[name] = found and {"n": int(seen), **vars(found)}
    return report


def masks_of(records: Sequence[FrameRecord], hand_words: Sequence[str] = HAND_WORDS) -> Tensor:
    """Masks (n, 3, height, width) of `region_masks`; all frames of one size."""
    return torch.from_numpy(np.stack([region_masks(record, hand_words) for record in records]))
