"""How often a detector that was trained on real hands finds the hands of a dataset."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from lace.core.frames import FrameRecord
from lace.core.keypoints import INDEX, Visibility
from lace.data.hands.decoding import square_around
from lace.data.hands.detector import Hand, HandDetector
from lace.data.hands.sharpness import hand_sharpness
from lace.measure.rates import exact_rate

SAME_HAND = 0.5
"""A find is the labelled hand if its visible keypoints lie nearer than this on average, as a share of the diagonal."""
CLOSE = 0.1
EDGES: dict[str, tuple[float, ...]] = {
    "size_px": (50, 70, 100, 140),
    "visible": (10, 15, 19),
    "sharpness": (0.33, 0.42, 0.5),
    "brightness": (40, 70, 110, 150),
}
"""Inner edges of the bins of measured numbers."""
GROUPS = ("size_px", "visible", "sharpness", "brightness", "seen_from", "fingers", "pointing", "skin")


@dataclass(frozen=True)
class Judged:
    """One frame and the detector's result on it."""

    index: int
    whole: bool
    """Whether every keypoint that this embodiment has lies in the picture."""
    size_px: float
    """Diagonal of the box around all its keypoints, those outside the picture too."""
    present: int
    """Keypoints that this embodiment has."""
    visible: int
    sharpness: float
    brightness: float
    """Mean grey level of the hand, of 255."""
    seen_from: str
    """"palm", "edge" or "back"."""
    fingers: str
    """"straight", "bent" or "curled"."""
    pointing: str
    """Where the middle finger's metacarpal points in the picture."""
    skin: str
    """"tone 0", ... in the order of `assets.humans.skin.TONES`, light to dark."""
    recognised: bool
    """Whether the keypoint model recognises the hand when given its position: then only the palm detector missed it."""
    seen: int
    """Hands that the detector finds anywhere in the frame."""
    found: bool
    right: bool
    """Whether the found hand is called a right one."""
    error: float
    """Mean distance of visible keypoints as a share of the diagonal; NaN where it is not found."""


def judge(record: FrameRecord, detector: HandDetector) -> Judged:
    """The detector's result on one labelled frame.

    Args:
        record: With keypoints; world keypoints and segmentation serve the breakdown where they are known.
        detector: See HandDetector.
    """
    uv, present = record.keypoints_uv, record.visibility > Visibility.ABSENT
    visible = record.visibility == Visibility.VISIBLE
    low, high = np.nanmin(uv[present], 0), np.nanmax(uv[present], 0)
    size = float(np.linalg.norm(high - low))
    height, width = record.image.shape[:2]
    box = np.concatenate([np.clip(low, 0, (width, height)), np.clip(high, 0, (width, height))])
    hands = detector.hands(record.image)
    hand, error = _nearest(hands, uv, visible, size)
    tone = record.draws.get("skin.tone")
    return Judged(
        record.index, bool((record.visibility[present] >= Visibility.OCCLUDED).all()), size,
        int(present.sum()), int(visible.sum()),
        hand_sharpness(record.image, box), _brightness(record, box), *_pose(record),
        "" if tone is None else f"tone {tone}", _is_recognised(record, detector),
        len(hands), hand is not None, hand is not None and hand.is_right, error,
    )  # fmt: skip


def _is_recognised(record: FrameRecord, detector: HandDetector) -> bool:
    square = square_around(record.keypoints_uv)
    return square.side > 0 and detector.look(record.image, square) is not None


def _nearest(hands: list[Hand], uv: np.ndarray, visible: np.ndarray, size: float) -> tuple[Hand | None, float]:
    errors = [
        float(np.linalg.norm(hand.keypoints_uv - uv, axis=1)[visible].mean() / size) for hand in hands if visible.any()
    ]
    best = int(np.argmin(errors)) if errors else -1
    return (hands[best], errors[best]) if errors and errors[best] < SAME_HAND else (None, float("nan"))


def _brightness(record: FrameRecord, box: np.ndarray) -> float:
    """Over the hand's own pixels where they are known, else over its box."""
    grey = cv2.cvtColor(record.image, cv2.COLOR_RGB2GRAY)
    x0, y0, x1, y1 = np.round(box).astype(int)
    inside = np.zeros(grey.shape, bool)
    inside[y0:y1, x0:x1] = True
    if record.segmentation is not None:
        inside &= record.mask(semantic="human") | record.mask(semantic="robot")
    return float(grey[inside].mean()) if inside.any() else float("nan")


def _pose(record: FrameRecord) -> tuple[str, str, str]:
    """(seen from, fingers, pointing); empty where world keypoints or the camera are not known."""
    points, camera = record.keypoints_world, record.camera
    if points is None or camera is None:
        return "", "", ""
    wrist, index, middle, ring = (points[INDEX[name]] for name in ("wrist", "index_mcp", "middle_mcp", "ring_mcp"))
    palm = np.cross(index - wrist, ring - wrist)  # of a right hand it points out of the palm
    towards = camera.T_world_cam[:3, 3] - (wrist + middle) / 2
    facing = float(palm @ towards / np.linalg.norm(palm) / np.linalg.norm(towards))
    seen_from = "palm" if facing > 0.5 else "back" if facing < -0.5 else "edge"
    x, y = record.keypoints_uv[INDEX["middle_mcp"]] - record.keypoints_uv[INDEX["wrist"]]
    pointing = ("right" if x > 0 else "left") if abs(x) > abs(y) else ("down" if y > 0 else "up")
    straight = np.mean([_straightness(points[5 + 4 * f : 9 + 4 * f]) for f in range(3)])
    return seen_from, "straight" if straight > 0.95 else "bent" if straight > 0.8 else "curled", pointing


def _straightness(chain: np.ndarray) -> float:
    return float(np.linalg.norm(chain[-1] - chain[0]) / np.linalg.norm(np.diff(chain, axis=0), axis=1).sum())


def bin_of(frame: Judged, group: str) -> str:
    """The bin of a frame in one of GROUPS, as text; empty where it is not known."""
    value = getattr(frame, group)
    if group not in EDGES:
        return value
    edges = EDGES[group]
    k = int(np.searchsorted(edges, value, side="right"))
    return (
        f"below {edges[0]:g}"
        if k == 0
        else f"{edges[k - 1]:g} and more"
        if k == len(edges)
        else f"{edges[k - 1]:g} to {edges[k]:g}"
    )


def summary(frames: Sequence[Judged]) -> dict[str, Any]:
    """Rates with 95 % intervals over all frames, and over whole hands for every bin of GROUPS."""
    whole = [frame for frame in frames if frame.whole]
    found = [frame for frame in frames if frame.found]
    errors = np.array([frame.error for frame in found])
    by = {group: {label: _rate(rows, _is_found) for label, rows in _bins(whole, group).items()} for group in GROUPS}
    return {
        "frames": len(frames),
        "found": _rate(frames, _is_found),
        "found_whole": _rate(whole, _is_found),
        "recognised_whole": _rate(whole, lambda frame: frame.recognised),
        "found_whole_half_seen": _rate([frame for frame in whole if 2 * frame.visible >= frame.present], _is_found),
        "right_of_found": _rate(found, lambda frame: frame.right),
        "any_hand_seen": _rate(frames, lambda frame: frame.seen > 0),
        "error": {
            "n": len(found),
            "median": float(np.median(errors)) if len(found) else None,
            "q90": float(np.quantile(errors, 0.9)) if len(found) else None,
            f"within_{CLOSE:g}": _rate(found, lambda frame: frame.error <= CLOSE),
        },
        "found_by": {group: bins for group, bins in by.items() if bins},
    }


def _is_found(frame: Judged) -> bool:
    return frame.found


def _bins(frames: Sequence[Judged], group: str) -> dict[str, list[Judged]]:
    """Bin -> its frames, numbers in rising order."""
    rows: dict[str, list[Judged]] = {}
    order = sorted(frames, key=lambda frame: getattr(frame, group)) if group in EDGES else frames
    for frame in order:
        if label := bin_of(frame, group):
            rows.setdefault(label, []).append(frame)
    return rows if group in EDGES else dict(sorted(rows.items()))


def _rate(frames: Iterable[Judged], holds: Callable[[Judged], bool]) -> dict[str, float | int | None]:
    hits = [holds(frame) for frame in frames]
    rate = exact_rate(sum(hits), len(hits))
    return {"rate": rate.value if hits else None, "low": rate.low, "high": rate.high, "n": len(hits), "hits": sum(hits)}
