"""`lace tables probes`: table 2, attentive probes trained on humans alone and tested on robots, beside the paper's."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from rich.console import Console

from lace.core.geometry import Array
from lace.core.lock import locked_folder
from lace.reports.report import Grid, Picture, Report
from policies.evaluate import shown_predictions
from policies.features import cached_features
from policies.fit import Fit, FitConfig, predict
from policies.heads import code_digest
from policies.labelled import LabelledFrames, joined
from policies.metrics import point_metrics, pose_metrics, summarise
from policies.probes import TASKS, AttentiveProbe
from policies.regimes import Split, require_unseen
from policies.tables.paper import TABLE_2
from policies.tables.publish import as_values, print_grids, publish_table
from policies.tables.variants import (
    VARIANTS,
    Study,
    StudyRuns,
    kept,
    make_study_rows,
    over_seeds,
    spread,
    with_recipe,
)

TEST = "test/in_domain"
COLUMNS = ("epe_px", "pck@0.2", "auc@0.5", "emb", "obj", "both")
HEADINGS = ("features", "EPE px", "PCK@0.2", "AUC@0.5", "Emb", "Obj", "Both", "Both, seeds", "the paper")
NOTE = (
    "EPE in px of the image size given; the others in %. PCK and AUC are shares of the longer side of the box around "
    "wrist and fingertips. 95 % intervals resample demonstrations; values are means over seeds."
)


@dataclass(frozen=True)
class ProbeTableConfig(StudyRuns):
    """Table 2 of the paper: zero-shot transfer of attentive probes from humans to robots."""

    fit: FitConfig = field(default_factory=FitConfig)
    """Of each probe; the paper's by default."""


def defaults_of(args: list[str]) -> ProbeTableConfig:
    """Defaults for a command line."""
    return with_recipe(args, ProbeTableConfig)


def probed(task: str, name: str, seed: int, study: Study, config: ProbeTableConfig) -> Array:
    """Points (n, points, 2) [px] that a probe of one task, variant and seed predicts on the robot's frames."""
    variant, fit = VARIANTS[name], replace(config.fit, seed=seed)
    train = joined([study.frames(part, variant.transform) for part in variant.human_parts])
    test = study.frames(TEST, variant.transform)
    Split(train, {TEST: test})  # raises where a demonstration is in both
    require_unseen(study.source(name), {TEST: test})
    backbone = study.backbone(name)
    features = [cached_features(backbone, frames, study.cache) for frames in (train, test)]
    make_targets, names = TASKS[task]
    identity = {"probe": task, "code": code_digest(), "fit": asdict(fit)}
    identity |= {"train": features[0].digest, "test": features[1].digest}

    def compute() -> dict[str, Any]:
        probe = AttentiveProbe(backbone.dim, len(names), seed)
        Fit(fit, probe, features[0], make_targets(train), str(study.device)).run()
        return {"predicted": predict(probe, features[1], test.size).round(3).tolist()}

    return np.array(kept(study.runs.out / "results", identity, compute)["predicted"])


def make_probe(task: tuple[str, str, int], study: Study, config: ProbeTableConfig) -> None:
    """Trains one probe: (task, variant, seed)."""
    probed(*task, study, config)


def finger_metrics(pose: Array, points: Array, frames: LabelledFrames) -> dict[str, Array]:
    """Questions that need fingers told apart: per frame (n,), NaN where a fingertip is not in the picture.

    Args:
        pose: (n, 5, 2) predicted wrist and fingertips [px].
        points: (n, 2, 2) predicted end effector and target [px].
        frames: With the truth.

    Returns:
        "nearest fingertip": whether the predicted one nearest the predicted target is the right one; by chance 1/4.
        "thumb to index [deg]": angle between predicted and true direction from thumb tip to index tip.
    """
    truth, target = frames.pose[:, 1:], frames.points[:, 1:]
    known = np.isfinite(truth).all((1, 2))
    nearest = np.linalg.norm(np.nan_to_num(truth) - target, axis=-1).argmin(1)
    found = np.linalg.norm(pose[:, 1:] - points[:, 1:], axis=-1).argmin(1)
    a, b = pose[:, 2] - pose[:, 1], truth[:, 1] - truth[:, 0]
    cosine = (a * b).sum(-1) / np.maximum(np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1), 1e-9)
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return {
        "nearest fingertip": np.where(known, found == nearest, np.nan),
        "thumb to index [deg]": np.where(known, angle, np.nan),
    }


def row(name: str, study: Study, config: ProbeTableConfig) -> dict[str, Any]:
    """Per-frame metrics of a variant over all seeds, their summary, and the predictions of the first seed."""
    test = study.frames(TEST, VARIANTS[name].transform)
    rows, first = [], None
    for seed in config.seeds:
        pose = probed("pose", name, seed, study, config)
        points = probed("localisation", name, seed, study, config)
        first = points if first is None else first
        rows.append(
            pose_metrics(pose, test.pose, test.hand_size)
            | point_metrics(points, test.boxes, test.size)
            | finger_metrics(pose, points, test)
        )
    found = over_seeds(rows)
    by_point = {f"epe {k}": found["epe_px"][:, k] for k in range(found["epe_px"].shape[1])}
    return {
        "summary": summarise(found | by_point, test.digests),
        "seeds": [float(np.nanmean(one["both"])) for one in rows],
        "points": first,
    }


def cells(name: str, found: dict[str, Any]) -> list[str]:
    """One line of the table."""
    summary, printed = found["summary"], TABLE_2.get(name)
    shown = []
    for column in COLUMNS:
        scale = 1 if column == "epe_px" else 100
        value = summary[column]
        shown.append(f"{scale * value.value:.1f} [{scale * value.low:.1f}, {scale * value.high:.1f}]")
    paper = " / ".join(f"{number:g}" for number in printed) if printed else ""
    return [VARIANTS[name].label, *shown, spread(found["seeds"]), paper]


def part_grids(rows: dict[str, dict[str, Any]]) -> list[Grid]:
    """Metrics by keypoint, and questions that need fingers to be told apart."""
    points, fingers = [], []
    for name, found in rows.items():
        label, summary = VARIANTS[name].label, found["summary"]
        values = [summary[f"epe {k}"] for k in range(len(TASKS["pose"][1]))]
        points.append([label, *(f"{v.value:.1f} [{v.low:.1f}, {v.high:.1f}]" for v in values)])
        nearest, angle = summary["nearest fingertip"], summary["thumb to index [deg]"]
        rate = f"{100 * nearest.value:.1f} [{100 * nearest.low:.1f}, {100 * nearest.high:.1f}]"
        fingers.append([label, rate, f"{angle.value:.1f} [{angle.low:.1f}, {angle.high:.1f}]"])
    return [
        Grid("End point error by keypoint [px]", ["features", *TASKS["pose"][1]], points),
        Grid(
            "Telling fingers apart",
            ["features", "nearest fingertip right [%]", "thumb to index, angle error [deg]"],
            fingers,
            "By chance 25 % and 90 degrees.",
        ),
    ]


def main(config: ProbeTableConfig) -> int:
    """Runs `run` alone in OUT; returns its exit code."""
    with locked_folder(config.out):
        return run(config)


def run(config: ProbeTableConfig) -> int:
    """Runs, prints and writes OUT/table-2/{table.json, report.html}; returns the exit code."""
    console, study, rows = Console(highlight=False, soft_wrap=True), Study(config), {}
    probes = [(task, name, seed) for name in config.variants for seed in config.seeds for task in TASKS]
    make_study_rows(make_probe, probes, config)
    for number, name in enumerate(config.variants, 1):
        console.print(f"table 2, row {number} of {len(config.variants)}: {VARIANTS[name].label}", markup=False)
        rows[name] = row(name, study, config)
    table = Grid(
        "Table 2: zero-shot transfer from human to robot", HEADINGS, [cells(n, r) for n, r in rows.items()], NOTE
    )
    grids = [table, *part_grids(rows)]
    print_grids(console, grids)
    folder, test = config.out / "table-2", study.frames(TEST)
    pictures = [
        Picture(
            f"Localisation by {VARIANTS[n].label}",
            shown_predictions(study.frames(TEST, VARIANTS[n].transform), r["points"]),
        )
        for n, r in rows.items()
    ]
    report = Report(
        "Table 2: probes trained on humans, tested on robots",
        f"Attentive probes on {config.backbone}, {len(test)} robot frames of {len(test.episodes)} demonstrations.",
        {
            "seeds": config.seeds,
            "steps": config.fit.iterations,
            "frames": len(test),
            "demonstrations": len(test.episodes),
        },
        [*grids, *pictures],
        asdict(config),
    )
    values = {name: as_values(found["summary"]) | {"seeds": found["seeds"]} for name, found in rows.items()}
    publish_table(folder, report, values)
    console.print(f"wrote {folder / 'table.json'} and report.html", markup=False)
    return 0
