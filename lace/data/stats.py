"""Statistics of a dataset: histograms of every draw and joint, visibility, palm positions, rooms and targets."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.files import publish_bytes
from lace.core.keypoints import NAMES, Visibility
from lace.core.semantics import DISTRACTOR, TARGET
from lace.data.dataset import FrameDataset
from lace.data.origins import MADE_FROM
from lace.data.schema import to_json
from lace.data.shards import read_metadata
from lace.data.show import short_name

BINS = 24
"""Bins of a histogram."""
_SPLIT_UP_TO = 4
"""Draws of up to this many numbers (position, colour, quaternion) get a histogram for each; longer ones are pooled."""
_SCATTER_POINTS = 5000
"""Largest number of palm positions that are kept, evenly spread over the dataset."""


def dataset_stats(ds: FrameDataset) -> dict[str, Any]:
    """JSON-able statistics; no image is decoded.

    Keys: frames, shards, rooms, tables, targets, presets, embodiments, distractors (name -> frames), attempts (redraws
    -> frames), visibility (keypoint -> rate of each `Visibility`), draws and joints (name -> histogram), choices (name
    -> counts of text draws), palm_uv and palm_world_xy (points of the wrist keypoint, [px] and [m]).
    """
    counted = {"rooms": "room", "presets": "preset", "embodiments": "embodiment", "attempts": "attempt"}
    stats: dict[str, Any] = {"folder": str(ds.folder), "frames": len(ds), "shards": len(ds.shards)}
    stats |= {key: _counts(ds.column(column)) for key, column in counted.items()}
    things = [json.loads(text) for text in ds.column("objects")]
    stats["targets"] = _counts(next((_kind(thing) for thing in some if _is(TARGET, thing)), "") for some in things)
    shown = [{_kind(thing) for thing in some if _is(DISTRACTOR, thing)} for some in things]
    stats["distractors"] = _counts(kind for kinds in shown for kind in kinds)
    stats["visibility"] = _visibility_rates(np.asarray(ds.column("visibility")))
    stats["draws"], stats["choices"] = _draws(list(ds.column("draws")))
    stats["tables"] = stats["choices"].pop("table.name", {})
    stats["joints"] = _joints(ds)
    stats["palm_uv"], stats["palm_world_xy"] = _palm(ds.column("keypoints_uv")), _palm(ds.column("keypoints_world"))
    return stats


def histogram(values: Any) -> dict[str, Any]:
    """n, mean, min, max, and `counts` (BINS,) between `edges` (BINS + 1,) of the finite values."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if not len(values):
        return {"n": 0, "mean": None, "min": None, "max": None, "counts": [], "edges": []}
    counts, edges = np.histogram(values, BINS)
    facts = {"n": len(values), "mean": float(values.mean()), "min": float(values.min()), "max": float(values.max())}
    return facts | {"counts": counts.tolist(), "edges": edges.tolist()}


def _counts(values: Any) -> dict[str, int]:
    counts = Counter(str(value) for value in values)
    return {value: n for value, n in sorted(counts.items()) if value}


def _is(role: str, thing: dict[str, Any]) -> bool:
    return thing.get("role") == role


def _kind(thing: dict[str, Any]) -> str:
    """What an object is ("mug"); its name in the scene where that is not known."""
    return short_name(str(thing.get("object", thing.get("name", ""))))


def _visibility_rates(visibility: np.ndarray) -> dict[str, dict[str, float]]:
    rates = {kind.name.lower(): (visibility == kind).mean(0) for kind in Visibility}
    return {name: {kind: float(rate[k]) for kind, rate in rates.items()} for k, name in enumerate(NAMES)}


def _draws(texts: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(histograms of numeric draws, counts of text draws)."""
    numbers, words = defaultdict(list), defaultdict(list)
    for text in texts:
        for name, value in json.loads(text).items():
            _sort_draw(name, value, numbers, words)
    histograms = {name: histogram(values) for name, values in sorted(numbers.items())}
    return histograms, {name: _counts(values) for name, values in sorted(words.items())}


def _sort_draw(name: str, value: Any, numbers: dict[str, list], words: dict[str, list]) -> None:
    if name == MADE_FROM:
        return  # another for every frame
    if isinstance(value, str):
        words[name].append(value)
    elif isinstance(value, (int, float)):
        numbers[name].append(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _sort_draw(f"{name}.{key}", item, numbers, words)
    elif isinstance(value, list):
        split = len(value) <= _SPLIT_UP_TO
        for i, item in enumerate(value):
            _sort_draw(f"{name}[{i}]" if split else name, item, numbers, words)


def _joints(ds: FrameDataset) -> dict[str, Any]:
    names = read_metadata(ds.shards[0])[1]["joint_names"]
    rows = [row for row in ds.column("joint_positions") if row is not None and len(row) == len(names)]
    return {name: histogram(values) for name, values in zip(names, np.array(rows).T, strict=True)} if rows else {}


def _palm(keypoints: Any) -> list[list[float]]:
    """First two coordinates of the wrist, without frames that lack it, thinned to _SCATTER_POINTS."""
    points = np.array([row[:2] for row in keypoints if row is not None], float).reshape(-1, 2)
    points = points[np.isfinite(points).all(1)]
    kept = np.unique(np.linspace(0, len(points) - 1, min(len(points), _SCATTER_POINTS)).astype(int))
    return points[kept].tolist() if len(points) else []


def save_stats(ds: FrameDataset, out_dir: str | Path, internal: bool = False) -> dict[str, Any]:
    """Writes `out_dir`/stats.json, and `out_dir`/stats.png with or without internal draws; returns the statistics."""
    from lace.data.stats_figure import stats_figure  # matplotlib, only when a figure is drawn

    stats, out_dir = dataset_stats(ds), Path(out_dir)
    publish_bytes(out_dir / "stats.json", to_json(stats).encode())
    publish_bytes(out_dir / "stats.png", stats_figure(stats, internal))
    return stats
