"""The end of every import: candidates become checked frames in shards; a killed run goes on where it stopped."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lace.core.errors import DatasetError
from lace.core.files import publish_bytes, remove_leftovers
from lace.core.frames import FrameRecord
from lace.data.dataset import META_NAME, SHARDS_NAME, read_meta
from lace.data.schema import EncodedFrame, constants_of, decode_row, encode_frame, to_json
from lace.data.shards import is_whole, read_metadata, read_shard, shard_name, write_shard
from lace.data.verify import check_frame, image_digest

REPORT_NAME = "import_report.json"
FRAMES_PER_SHARD = 128
Progress = Callable[[int, int], None]
"""Called with (candidates done, candidates in all)."""


class SkipFrame(Exception):
    """This candidate is not imported; `reason` is what it is counted under, `detail` is about this one."""

    def __init__(self, reason: str, detail: str = ""):
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


@dataclass(frozen=True)
class Candidate:
    """Something that may become a frame."""

    name: str
    """Unique among its kind; goes into the report ("TRAIN_epick_img/EK_0001_r")."""
    load: Callable[[], FrameRecord]
    """Reads it; SkipFrame says why it cannot be used. Its index is set by the writer."""
    stored: tuple[bytes, str] | None = None
    """The image file and its format where they are kept as they are, not encoded again."""


@dataclass
class ImportReport:
    """What an import kept and what it skipped."""

    out: Path
    n_candidates: int
    n_frames: int = 0
    skipped: list[dict[str, str]] = field(default_factory=list)
    """Each: name, reason, detail."""
    resumed_at: int = 0
    """Candidate with which this run began; 0 for a fresh one."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of skipped candidates by reason, most frequent first."""
        return dict(Counter(skip["reason"] for skip in self.skipped).most_common())

    def as_json(self) -> dict[str, Any]:
        """What REPORT_NAME holds."""
        return {
            "candidates": self.n_candidates,
            "frames": self.n_frames,
            "skipped": len(self.skipped),
            "reasons": self.counts,
            "details": self.skipped,
        }


def write_frames(
    out: str | Path,
    candidates: Sequence[Candidate],
    facts: Mapping[str, Any],
    progress: Progress | None = None,
    per_shard: int = FRAMES_PER_SHARD,
) -> ImportReport:
    """Loads the candidates in order and publishes those that pass every check; the rest is listed in the report.

    A shard says after which candidate it ends, so the same call on a half-written folder goes on behind the last
    whole shard and ends with the same files as a run that was never stopped.

    Args:
        out: Dataset folder to write. DatasetError if it holds another dataset.
        candidates: In a fixed order.
        facts: Goes into dataset.json ("embodiment", "source", the options); another run must agree on it.
        progress: Told after each candidate.
        per_shard: Frames per shard.
    """
    out = Path(out)
    meta = {**json.loads(to_json(facts)), "frames_per_shard": per_shard, "candidates": _digest(candidates)}
    _claim(out, meta)
    (out / SHARDS_NAME).mkdir(parents=True, exist_ok=True)
    remove_leftovers(out / SHARDS_NAME)
    report, seen, shard = _resume(out, len(candidates))
    waiting: list[EncodedFrame] = []
    fresh: list[dict[str, str]] = []
    constants: dict[str, Any] = {}
    for number in range(report.resumed_at, len(candidates)):
        try:
            row, constants = _checked(candidates[number], report.n_frames + len(waiting), seen)
            waiting.append(row)
        except SkipFrame as skip:
            fresh.append({"name": candidates[number].name, "reason": skip.reason, "detail": skip.detail})
        if len(waiting) == per_shard or (number + 1 == len(candidates) and waiting):
            facts_of_shard = {"next_candidate": number + 1, "skipped": fresh}
            write_shard(out / SHARDS_NAME / shard_name(shard), waiting, constants, facts_of_shard)
            report.n_frames, report.skipped = report.n_frames + len(waiting), report.skipped + fresh
            waiting, fresh, shard = [], [], shard + 1
        if progress:
            progress(number + 1, len(candidates))
    report.skipped += fresh
    _publish_json(out / REPORT_NAME, report.as_json())
    _publish_json(out / META_NAME, {**meta, "frames": report.n_frames, "complete": True})
    return report


def _checked(candidate: Candidate, index: int, seen: dict[bytes, str]) -> tuple[EncodedFrame, dict[str, Any]]:
    """(row, constants) of a candidate whose stored form passes the checks of `lace data verify`."""
    record = replace(candidate.load(), index=index)
    row, constants = encode_frame(record), constants_of(record)
    if candidate.stored:
        row["image"], row["image_format"] = candidate.stored
    problems = check_frame(decode_row(row, constants))
    if problems:
        raise SkipFrame(f"fails the check '{problems[0].check}'", problems[0].detail)
    digest = image_digest(row["image"])
    if digest in seen:
        raise SkipFrame("the same image again", f"as {seen[digest]}")
    seen[digest] = record.source or candidate.name
    return row, constants


def _claim(out: Path, meta: dict[str, Any]) -> None:
    """Writes dataset.json, or checks that the one there is of the same import."""
    if not (out / META_NAME).exists():
        if (out / SHARDS_NAME).exists() and any((out / SHARDS_NAME).iterdir()):
            raise DatasetError(
                f"importing to {out}", "it holds shards but no dataset.json", "a new folder", "give another --out"
            )
        _publish_json(out / META_NAME, {**meta, "complete": False})
        return
    there = read_meta(out)
    different = sorted(key for key in meta if there.get(key) != meta[key])
    if different:
        what = "other files or labels" if different == ["candidates"] else f"other values of {', '.join(different)}"
        raise DatasetError(
            f"importing to {out}",
            f"the dataset there was made from {what}",
            "a new folder, or one that the same command began",
            "give another --out",
        )


def _resume(out: Path, n_candidates: int) -> tuple[ImportReport, dict[bytes, str], int]:
    """(report so far, digests of the images that are there, number of the next shard)."""
    report, seen, number = ImportReport(out, n_candidates), {}, 0
    while is_whole(path := out / SHARDS_NAME / shard_name(number)):
        rows, _, metadata = read_metadata(path)
        table = read_shard(path, ["image", "source"]).table
        seen |= {image_digest(row["image"]): row["source"] for row in table.to_pylist()}
        report.n_frames += rows
        report.skipped += metadata["skipped"]
        report.resumed_at = metadata["next_candidate"]
        number += 1
    for stale in (out / SHARDS_NAME).glob("shard-*.parquet"):
        if stale.name >= shard_name(number):
            stale.unlink()
    return report, seen, number


def _digest(candidates: Sequence[Candidate]) -> str:
    return hashlib.sha256("\n".join(candidate.name for candidate in candidates).encode()).hexdigest()[:16]


def _publish_json(path: Path, value: Any) -> None:
    publish_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())
