"""Writes checked frames to shards; resumable. Every import ends here."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lace.core.content import content_of
from lace.core.files import publish_bytes, remove_leftovers
from lace.core.frames import FrameRecord
from lace.core.run_identity import RunIdentity
from lace.data.dataset import META_NAME, SHARDS_NAME, shard_paths
from lace.data.schema import EncodedFrame, constants_of, decode_row, encode_frame, to_json
from lace.data.shards import is_whole, read_metadata, read_shard, shard_name, write_shard
from lace.data.verify import check_frame, image_digest

REPORT_NAME = "import_report.json"
FRAMES_PER_SHARD = 128
Progress = Callable[[int, int], None]
"""Called with (candidates done, candidates in all)."""


class SkipFrame(Exception):
    """Raised for a candidate that is not imported.

    Attributes:
        reason: What it is counted under.
        detail: About this candidate alone.
    """

    def __init__(self, reason: str, detail: str = ""):
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


@dataclass(frozen=True)
class Candidate:
    """Something that may become a frame."""

    name: str
    """Goes into the report ("TRAIN_epick_img/EK_0001_r"); unique within one import."""
    load: Callable[[], FrameRecord]
    """Reads the frame; raises SkipFrame with the reason if it cannot be used. The writer sets the frame's index."""
    stored: Callable[[], tuple[bytes, str]] | None = None
    """Returns the image file and its format, where the file is kept and not encoded again."""
    sources: tuple[Path, ...] = ()
    """Files and folders that the frame is made from; their content is part of the import's identity."""


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
    sources: Sequence[str | Path] = (),
) -> ImportReport:
    """Loads the candidates in order and publishes those that pass every check; the report lists the rest.

    The same call on a half-written folder continues after the last whole shard and ends with the same files as a run
    that was never interrupted. The folder belongs to one import: same candidates, same content of their sources, same
    facts.

    Args:
        out: Dataset folder to write.
        candidates: In a fixed order.
        facts: Goes into dataset.json ("embodiment", "source", the options).
        progress: Called after each candidate.
        per_shard: Frames per shard.
        sources: What else the frames are made from (a detector's weights): files, folders, or names of a hub.

    Raises:
        DatasetError: `out` holds something else, another import, or is in use by another process.
    """
    out = Path(out)
    meta = {
        **json.loads(to_json(facts)),
        "frames_per_shard": per_shard,
        "candidates": _digest(candidates),
        "content": content_of(
            dict.fromkeys([*(path for candidate in candidates for path in candidate.sources), *map(Path, sources)])
        ),
    }
    identity = RunIdentity(out / META_NAME, "a dataset", {**meta, "complete": False}, compared=tuple(meta))
    with identity.opened():
        (out / SHARDS_NAME).mkdir(exist_ok=True)
        remove_leftovers(out / SHARDS_NAME)
        report = _write_missing(out, candidates, progress, per_shard)
        _publish_json(out / REPORT_NAME, report.as_json())
        _publish_json(out / META_NAME, {**meta, "frames": report.n_frames, "complete": True})
    return report


def _write_missing(
    out: Path, candidates: Sequence[Candidate], progress: Progress | None, per_shard: int
) -> ImportReport:
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
    return report


def _checked(candidate: Candidate, index: int, seen: dict[bytes, str]) -> tuple[EncodedFrame, dict[str, Any]]:
    """(row, constants) of a candidate whose stored form passes the checks of `lace data verify`."""
    record = replace(candidate.load(), index=index)
    row, constants = encode_frame(record), constants_of(record)
    if candidate.stored:
        row["image"], row["image_format"] = candidate.stored()
    problems = check_frame(decode_row(row, constants))
    if problems:
        raise SkipFrame(f"fails the check '{problems[0].check}'", problems[0].detail)
    digest = image_digest(row["image"])
    if digest in seen:
        raise SkipFrame("the same image again", f"as {seen[digest]}")
    seen[digest] = record.source or candidate.name
    return row, constants


def _resume(out: Path, n_candidates: int) -> tuple[ImportReport, dict[bytes, str], int]:
    """(report so far, digests of the images already written, number of the next shard)."""
    report, seen, number = ImportReport(out, n_candidates), {}, 0
    while is_whole(path := out / SHARDS_NAME / shard_name(number)):
        rows, _, metadata = read_metadata(path)
        table = read_shard(path, ["image", "source"]).table
        seen |= {image_digest(row["image"]): row["source"] for row in table.to_pylist()}
        report.n_frames += rows
        report.skipped += metadata["skipped"]
        report.resumed_at = metadata["next_candidate"]
        number += 1
    for stale in shard_paths(out)[number:]:
        stale.unlink()
    return report, seen, number


def _digest(candidates: Sequence[Candidate]) -> str:
    return hashlib.sha256("\n".join(candidate.name for candidate in candidates).encode("utf-8", "replace")).hexdigest()[
        :16
    ]


def _publish_json(path: Path, value: Any) -> None:
    publish_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace"))
