"""`lace policy evaluate`: hit rates and distances of a policy on held-out demonstrations, with pictures."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from rich.console import Console
from torch import nn

from lace.backbones import Backbone
from lace.core.draws import generator
from lace.core.files import publish_bytes
from lace.core.geometry import Array
from lace.core.run_identity import RunIdentity
from lace.data.dataset import dataset_digest
from lace.data.schema import to_json
from lace.measure.bootstrap import Interval
from lace.reports.figures import png
from lace.reports.report import Grid, Picture, Report, write_report
from policies.features import cached_features
from policies.fit import predict
from policies.labelled import LabelledFrames, read
from policies.metrics import POINT_METRICS, point_metrics, summarise
from policies.regimes import require_unseen, require_untrained

if TYPE_CHECKING:
    from policies.bundle import TwoPointPolicy

SHOWN, COLUMNS = 12, 6
EVALUATION = "evaluation.json"
"""Test set -> metric -> value, low, high."""
_EFFECTOR, _TARGET = "#e69f00", "#56b4e9"
"""Colours (Okabe and Ito 2008) of the two points and their boxes."""


@dataclass(frozen=True)
class Measured:
    """Predictions on one set and their metrics."""

    predicted: Array
    """(n, 2, 2) [px]."""
    per_frame: dict[str, Array]
    """(n,) by metric."""
    values: dict[str, Interval]
    frames: int
    episodes: int


def measured(head: nn.Module, backbone: Backbone, frames: LabelledFrames, cache: Path) -> Measured:
    """A head's predictions on labelled frames."""
    return of_points(predict(head, cached_features(backbone, frames, cache), frames.size), frames)


def of_points(predicted: Array, frames: LabelledFrames) -> Measured:
    """Metrics of points (n, 2, 2) [px] on labelled frames."""
    rows = point_metrics(predicted, frames.boxes, frames.size)
    return Measured(predicted, rows, summarise(rows, frames.digests), len(frames), len(frames.episodes))


def shown(value: Interval, metric: str) -> str:
    """An interval as a cell of a table: rates in %, L1 as a share of the image."""
    scale, digits = (1, 3) if metric == "l1" else (100, 1)
    return f"{scale * value.value:.{digits}f} [{scale * value.low:.{digits}f}, {scale * value.high:.{digits}f}]"


def grid_of(tests: dict[str, Measured]) -> Grid:
    """One row a test set."""
    rows = [
        [name, str(found.frames), str(found.episodes), *(shown(found.values[m], m) for m in POINT_METRICS)]
        for name, found in tests.items()
    ]
    headings = ["test set", "frames", "demonstrations", "Emb %", "Obj %", "Both %", "L1"]
    return Grid("Localisation", headings, rows, "Hit rates of the true boxes; 95 % intervals resample demonstrations.")


def predictions_path(out: Path, name: str) -> Path:
    """OUT/predictions_NAME.png of a test set."""
    return out / f"predictions_{name.replace('/', '_')}.png"


def publish_tests(out: Path, tests: Mapping[str, Measured], frames: Mapping[str, LabelledFrames]) -> list[Picture]:
    """Writes OUT/evaluation.json and a picture of each test set; returns the pictures for a report."""
    publish_bytes(out / EVALUATION, to_json({name: _values(found) for name, found in tests.items()}).encode())
    pictures = []
    for name, found in tests.items():
        png_file = shown_predictions(frames[name], found.predicted)
        publish_bytes(predictions_path(out, name), png_file)
        pictures.append(Picture(f"Predictions on {name}", png_file))
    return pictures


def _values(found: Measured) -> dict[str, dict[str, float]]:
    return {metric: asdict(value) for metric, value in found.values.items()}


def shown_predictions(frames: LabelledFrames, predicted: Array, seed: int = 0) -> bytes:
    """PNG: frames with true boxes and predicted points; half of them misses, where there are so many."""
    hit = point_metrics(predicted, frames.boxes, frames.size)["both"] > 0
    rng = generator(seed)
    misses, hits = rng.permutation(np.flatnonzero(~hit)), rng.permutation(np.flatnonzero(hit))
    half = SHOWN // 2
    chosen = [*misses[: max(half, SHOWN - len(hits))], *hits[: max(half, SHOWN - len(misses))]][:SHOWN]
    figure = Figure(figsize=(1.9 * COLUMNS, 2.05 * -(-len(chosen) // COLUMNS)), layout="constrained")
    panels = figure.subplots(-(-len(chosen) // COLUMNS), COLUMNS, squeeze=False).ravel()
    for ax in panels:
        ax.set_axis_off()
    for ax, i in zip(panels, chosen, strict=False):
        _panel(ax, frames, int(i), predicted[i])
        ax.set_title("hit" if hit[i] else "miss", fontsize=8)
    figure.suptitle("orange: end effector, blue: target; dots are predictions, boxes the truth", fontsize=9)
    return png(figure)


def _panel(ax, frames: LabelledFrames, i: int, points: Array) -> None:
    ax.imshow(frames.images([i])[0].permute(1, 2, 0).numpy())
    ax.set(xlim=(0, frames.size), ylim=(frames.size, 0))
    for box, point, colour in zip(frames.boxes[i], points, (_EFFECTOR, _TARGET), strict=True):
        ax.add_patch(Rectangle(box[:2], *(box[2:] - box[:2]), fill=False, edgecolor=colour, linewidth=1))
        ax.plot(*point, "o", color=colour, markersize=5, markeredgecolor="white", markeredgewidth=0.7, clip_on=False)


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure a policy on held-out demonstrations."""

    policy: Path
    """Bundle folder."""
    data: tuple[Path, ...]
    """Dataset folders, each measured for itself."""
    out: Path
    """Folder of evaluation.json and report.html."""
    device: str = "cpu"


def main(config: EvaluateConfig) -> int:
    """Prints and writes; returns the exit code."""
    from policies.bundle import fingerprint, load_policy

    policy = load_policy(config.policy, device=config.device)
    transform = policy.config.settings.get("transform", "none")
    names = [folder.name for folder in config.data]
    names = names if len(set(names)) == len(names) else [str(folder) for folder in config.data]
    frames = [read(folder, policy.config.image_size, transform) for folder in config.data]
    held_out = dict(zip(names, frames, strict=True))
    require_untrained(config.policy, held_out)
    require_unseen(str(config.policy), held_out)
    content = dict(zip(names, map(dataset_digest, config.data), strict=True))
    origin = {"policy": fingerprint(config.policy), "data": content}
    with RunIdentity(config.out / "run.json", "a measurement of a policy", origin, ("policy", "data")).opened():
        return _measure(policy, held_out, config)


def _measure(policy: "TwoPointPolicy", held_out: dict[str, LabelledFrames], config: EvaluateConfig) -> int:
    tests = {
        name: measured(policy.head, policy.backbone, one, config.out / "features") for name, one in held_out.items()
    }
    grid = grid_of(tests)
    console = Console(highlight=False, width=140)
    for row in grid.rows:
        console.print("  ".join(f"{name} {cell}" for name, cell in zip(grid.headings, row, strict=True)), markup=False)
    report = Report(
        title="Policy on held-out demonstrations",
        summary=f"{policy.name}: {policy.config.head}.",
        facts={"frames": sum(found.frames for found in tests.values())},
        sections=[grid, *publish_tests(config.out, tests, held_out)],
        config=asdict(config),
    )
    console.print(f"wrote {write_report(config.out, report)}", markup=False)
    return 0
