"""Checks that labels agree with their images; for new frames before they are published, and for any dataset."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from lace.core.counting import counted
from lace.core.errors import DatasetError
from lace.core.frames import FrameRecord
from lace.core.geometry import BoolArray
from lace.core.keypoints import NAMES, Visibility, keypoint_box
from lace.core.semantics import EMBODIMENTS, TARGET
from lace.data.dataset import SPARSE, read_meta, shard_paths
from lace.data.schema import decode_row
from lace.data.shards import Shard, read_shard, shard_name

_EMBODIMENT, _TARGET = 1, 2
THUMBNAIL_PX = 32
"""Black and constant images are detected on a thumbnail of this size: averaging removes noise and keeps structure."""
BLACK_MEAN = 4.0
"""Mean level (0-255) below which an image counts as black: 1.5% of full scale, where 8 bits hold no picture."""
CONSTANT_STD = 2.0
"""Largest standard deviation (0-255) of the thumbnail's channels below which an image counts as constant;
sensor noise of sigma 10 alone gives 1.4 at 224 px, an image with a hand in it tens."""
PROJECTION_TOLERANCE_PX = 0.01
"""keypoints_uv is float32: 1e-4 px of rounding at 2000 px, and keypoints_world rounds to 1e-7 m."""
DEPTH_SLACK_M = 0.08
"""A visible keypoint is inside its limb: the surface in front of it is at most this much farther away [m]."""
BOX_TOLERANCE_PX = 1e-3
"""Boxes are small numbers in float32."""
MARKER_LIMIT_PX = 0.5
"""Largest distance between rendered markers and projected keypoints [px]."""


@dataclass(frozen=True)
class Problem:
    """One failed check; `index` is the frame's index, -1 for the whole dataset."""

    index: int
    check: str
    """Short name: "mask", "in_view", "black", "constant", "finite", "repeated", "projection", "box", "depth", ..."""
    detail: str

    def __str__(self) -> str:
        where = f"frame {self.index}" if self.index >= 0 else "dataset"
        return f"{where}: {self.check}: {self.detail}"


@dataclass
class VerifyReport:
    """Result of `verify_dataset`."""

    folder: Path
    n_frames: int = 0
    n_shards: int = 0
    problems: list[Problem] = field(default_factory=list)
    marker_error_px: float | None = None
    """Largest marker error of the shards that record one [px]."""
    n_markers: int = 0
    """Number of measured markers, where shards record it."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of problems by check."""
        return dict(Counter(problem.check for problem in self.problems))


def check_frames(records: Sequence[FrameRecord], seen: dict[bytes, int] | None = None) -> list[Problem]:
    """Every problem of these frames, in their order; the frames may differ in size and in their labels.

    Args:
        records: The frames.
        seen: Digest -> frame index of images that must not repeat; those of these frames are added.
    """
    problems, seen = [], {} if seen is None else seen
    for record in records:
        problems += check_frame(record)
        problems += _repeated(seen, image_digest(np.ascontiguousarray(record.image)), record.index)
    return problems


def check_frame(record: FrameRecord) -> list[Problem]:
    """Every problem of one frame alone (all checks but repetition)."""
    checks = (_check_image, _check_keypoints, _check_mask, _check_projection, _check_depth, _check_boxes)
    view = _View.of(record)
    return [Problem(record.index, name, detail) for check in checks for name, detail in check(view)]


def image_digest(content: bytes | np.ndarray) -> bytes:
    """Digest that identifies an image (SHA-256, the fastest here thanks to processor instructions)."""
    return hashlib.sha256(content).digest()


Found = list[tuple[str, str]]
"""(check, detail) pairs."""


@dataclass(frozen=True)
class _View:
    """A record with values that several checks need."""

    record: FrameRecord
    inside: BoolArray
    """(21,) whether each keypoint is finite and within the image."""
    uv: np.ndarray | None
    """(21, 2) projected world keypoints [px]; None where camera or world keypoints are not known."""
    depth: np.ndarray
    """(21,) of the world keypoints along the camera axis [m]; NaN where not known."""

    @classmethod
    def of(cls, record: FrameRecord) -> "_View":
        height, width = record.image.shape[:2]
        inside = np.all((record.keypoints_uv >= 0) & (record.keypoints_uv < (width, height)), axis=1)
        camera = record.camera
        if camera is None or record.keypoints_world is None:
            return cls(record, inside, None, np.full(len(NAMES), np.nan))
        return cls(record, inside, *camera.project(record.keypoints_world))

    def seen(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(keypoint numbers, rows, columns) of the keypoints that are VISIBLE and inside the image."""
        numbers = np.flatnonzero((self.record.visibility == Visibility.VISIBLE) & self.inside)
        columns, rows = self.record.keypoints_uv[numbers].astype(int).T
        return numbers, rows, columns


def _repeated(seen: dict[bytes, int], digest: bytes, index: int) -> list[Problem]:
    first = seen.setdefault(digest, index)
    return [Problem(index, "repeated", f"the same image as frame {first}")] if first != index else []


def _check_image(view: _View) -> Found:
    thumbnail = cv2.resize(view.record.image, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    means, stds = cv2.meanStdDev(thumbnail)
    mean, std = float(means.mean()), float(stds.max())
    if mean < BLACK_MEAN:
        return [("black", f"mean pixel value {mean:.2f}, at least {BLACK_MEAN:g} expected")]
    if std < CONSTANT_STD:
        return [("constant", f"standard deviation of the pixels {std:.2f}, at least {CONSTANT_STD:g} expected")]
    return []


def _which(where: np.ndarray) -> str:
    return ", ".join(NAMES[k] for k in np.flatnonzero(where))


def _check_keypoints(view: _View) -> Found:
    """Keypoints are finite if present, inside if visible or occluded, outside or behind the camera if OUT_OF_VIEW."""
    record, visibility, found = view.record, view.record.visibility, []
    infinite = ~np.isfinite(record.keypoints_uv).all(1) & (visibility >= Visibility.OCCLUDED)
    if record.keypoints_world is not None:
        infinite |= ~np.isfinite(record.keypoints_world).all(1) & (visibility != Visibility.ABSENT)
    if infinite.any():
        found.append(("finite", f"not finite: {_which(infinite)}"))
    astray = (visibility >= Visibility.OCCLUDED) & ~view.inside & ~infinite
    if astray.any():
        found.append(("in_view", f"labelled as in the image, but outside: {_which(astray)}"))
    kept = (visibility == Visibility.OUT_OF_VIEW) & view.inside & ~(view.depth <= 0)
    if kept.any():
        found.append(("in_view", f"labelled OUT_OF_VIEW, but in the image: {_which(kept)}"))
    return found


def _classes(record: FrameRecord) -> np.ndarray:
    """(256,) uint8: which class each segmentation value belongs to: _EMBODIMENT, _TARGET, or 0 for the rest."""
    table = np.zeros(np.iinfo(np.uint8).max + 1, np.uint8)
    for segment in record.segments:
        if segment.semantic in EMBODIMENTS:
            table[segment.id] = _EMBODIMENT
        elif segment.semantic == TARGET:
            table[segment.id] = _TARGET
    return table


def _check_mask(view: _View) -> Found:
    record = view.record
    if record.segmentation is None:
        return []
    numbers, rows, columns = view.seen()
    missed = _classes(record)[record.segmentation[rows, columns]] != _EMBODIMENT
    if not missed.any():
        return []
    names = {segment.id: segment.name for segment in record.segments}
    pixels = record.segmentation[rows[missed], columns[missed]]
    where = [f"{NAMES[k]} on {names.get(int(p), 'background')}" for k, p in zip(numbers[missed], pixels, strict=True)]
    return [("mask", f"labelled visible, outside the embodiment's mask: {', '.join(where)}")]


def _check_projection(view: _View) -> Found:
    if view.uv is None:
        return []
    with np.errstate(invalid="ignore"):
        error = np.linalg.norm(view.uv - view.record.keypoints_uv, axis=1)
        # Only keypoints in the image: beside or behind the camera, float32 pixels are coarser than the tolerance.
        wrong = ((error > PROJECTION_TOLERANCE_PX) | (view.depth <= 0)) & (
            view.record.visibility >= Visibility.OCCLUDED
        )
    if not wrong.any():
        return []
    worst = float(np.nanmax(np.where(wrong, error, 0)))
    return [("projection", f"up to {worst:.3f} px from the projected world keypoint: {_which(wrong)}")]


def _check_depth(view: _View) -> Found:
    if view.record.depth_m is None or view.uv is None:
        return []
    numbers, rows, columns = view.seen()
    seen, own = view.record.depth_m[rows, columns], view.depth[numbers]
    beyond = (seen > own + DEPTH_SLACK_M) | (seen == 0)
    if not beyond.any():
        return []
    where = [f"{NAMES[numbers[i]]} ({seen[i]:.3f} m seen, {own[i]:.3f} m its own)" for i in np.flatnonzero(beyond)]
    return [("depth", f"the surface at a visible keypoint is behind it: {', '.join(where)}")]


def mask_box(mask: np.ndarray) -> np.ndarray:
    """Box xyxy (4,) float32 [px] around the true pixels of (height, width), outer edges included; NaN if none."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.full(4, np.nan, np.float32)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def _check_boxes(view: _View) -> Found:
    record = view.record
    expected = {"embodiment@keypoints": keypoint_box(record.keypoints_uv, record.visibility)}
    if record.segmentation is not None:
        classes = cv2.LUT(record.segmentation, _classes(record))
        expected["embodiment@segmentation"] = mask_box(classes == _EMBODIMENT)
        expected["target@segmentation"] = mask_box(classes == _TARGET)
    found = []
    for name, box in expected.items():
        stored = record.boxes.get(name)
        if stored is not None and not _same_box(stored, box):
            found.append(("box", f"{name} is {_text(stored)}, the labels give {_text(box)}"))
    return found + _check_hand_box(record.boxes)


def _same_box(a: np.ndarray, b: np.ndarray) -> bool:
    if np.isnan(b).any():
        return bool(np.isnan(a).all())
    return bool((np.abs(a - b) <= BOX_TOLERANCE_PX).all())


def _check_hand_box(boxes: dict[str, np.ndarray]) -> Found:
    """Checks that the hand's box is inside the embodiment's; the record does not say which segments are the hand."""
    hand, whole = boxes.get("hand@segmentation"), boxes.get("embodiment@segmentation")
    if hand is None or whole is None or np.isnan(hand).any():
        return []
    outside = np.isnan(whole).any() or (hand[:2] < whole[:2]).any() or (hand[2:] > whole[2:]).any()
    return [("box", f"hand@segmentation {_text(hand)} leaves embodiment@segmentation {_text(whole)}")] * bool(outside)


def _text(box: np.ndarray) -> str:
    return "none" if np.isnan(box).any() else "(" + ", ".join(f"{v:g}" for v in box) + ")"


def verify_dataset(folder: str | Path, progress: Callable[[int, int], None] | None = None) -> VerifyReport:
    """Runs every check on a dataset folder, one shard in memory at a time.

    Args:
        folder: Dataset folder; DatasetError if it is none or has no shard at all.
        progress: Called with (shards done, shards in all) after each shard.
    """
    folder = Path(folder)
    meta, paths = read_meta(folder), shard_paths(folder)
    if not paths:
        raise DatasetError(
            f"verifying {folder}", "it has no finished shard", "at least one", "run the generate command again"
        )
    report, seen, indices = VerifyReport(folder, n_shards=len(paths)), {}, []
    for done, path in enumerate(paths, 1):
        try:
            indices += _verify_shard(read_shard(path), report, seen)
        except DatasetError as error:
            report.problems.append(Problem(-1, "damaged", f"{path}: {error.got}; {error.next_step}"))
        if progress:
            progress(done, len(paths))
    report.n_frames = len(indices)
    report.problems += _missing_shards(meta, paths)
    report.problems += _check_indices(indices, meta.get("frames"), meta.get(SPARSE, False))
    return report


def _missing_shards(meta: dict, paths: Sequence[Path]) -> list[Problem]:
    """Shards of a generated dataset that no run has made yet."""
    frames, size = meta.get("frames"), (meta.get("config") or {}).get("shard_frames")
    if not isinstance(frames, int) or not isinstance(size, int) or size < 1:
        return []
    there, count = {path.name for path in paths}, -(-frames // size)
    missing = [number for number in range(count) if shard_name(number) not in there]
    if not missing:
        return []
    detail = f"{len(missing)} of {count} missing: {_some(missing)}; run the generate command again, or the parts that "
    return [Problem(-1, "shards", detail + "make them (part K/N makes shards K-1, K-1+N, K-1+2N, ...)")]


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:10])) + (", ..." if len(numbers) > 10 else "")


def _verify_shard(shard: Shard, report: VerifyReport, seen: dict[bytes, int]) -> list[int]:
    """Adds one shard's problems to the report; returns the indices of its frames."""
    indices = []
    for row in _rows(shard.table):
        indices.append(row["index"])
        report.problems += _repeated(seen, image_digest(row["image"]), row["index"])
        try:
            report.problems += check_frame(decode_row(row, shard.constants))
        except (DatasetError, ValueError, TypeError) as error:
            detail = error.got if isinstance(error, DatasetError) else str(error)
            report.problems.append(Problem(row["index"], "damaged", f"{shard.path}: {detail}"))
    error_px = shard.metadata.get("marker_error_px")
    report.n_markers += shard.metadata.get("markers", 0)
    if shard.metadata.get("markers") == 0:
        report.problems.append(Problem(-1, "marker", f"{shard.path.name}: its marker test found no marker"))
    if error_px is not None:
        report.marker_error_px = max(error_px, report.marker_error_px or 0.0)
        if error_px > MARKER_LIMIT_PX:
            detail = f"{shard.path.name}: rendered markers are {error_px:.3f} px off, limit {MARKER_LIMIT_PX} px"
            report.problems.append(Problem(-1, "marker", detail))
    return indices


def _rows(table: pa.Table) -> Iterator[dict]:
    return (row for batch in table.to_batches(max_chunksize=64) for row in batch.to_pylist())


def _check_indices(indices: list[int], frames: int | None, sparse: bool) -> list[Problem]:
    counts = Counter(indices)
    problems = [Problem(i, "indices", f"occurs {n} times") for i, n in sorted(counts.items()) if n > 1]
    if sparse:
        return problems
    expected = set(range(frames if frames is not None else max(counts, default=-1) + 1))
    missing, extra = sorted(expected - set(counts)), sorted(set(counts) - expected)
    for kind, some in (("missing", missing), ("not of this dataset", extra)):
        if some:
            problems.append(Problem(-1, "indices", f"{counted(len(some), 'frame')} {kind}: {_some(some)}"))
    return problems
