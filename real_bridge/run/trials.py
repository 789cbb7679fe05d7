"""The files of a run on the physical cell: the same records, results.json and report.html as `lace simulate` writes."""

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2

from assets.grasps import content_of_grasps
from lace.core.errors import DatasetError
from lace.core.files import publish_bytes
from lace.core.provenance import commit
from lace.measure.rates import CONFIDENCE
from lace.reports.report import Report, write_report
from lace.reports.trials import shown_trials, trial_sections
from policies.named import identity_of
from policies.outcome import Outcome
from policies.trials.records import (
    BLOCK,
    TrialRecord,
    block_path,
    frame_path,
    plain,
    read_block,
    write_block,
)
from policies.trials.summaries import policy_summary
from real_bridge.cell_log import load_frame, read_log
from real_bridge.run.config import RunConfig

RUN_ONLY = ("out", "trials", "live", "hold")
"""Options that do not change what a trial is."""
PACKAGES = ("xarm-python-sdk", "dynamixel-sdk", "mujoco", "mink", "numpy", "opencv-python-headless")


def origin(config: RunConfig) -> dict[str, Any]:
    """What results.json says of the run's origin."""
    values = json.loads(json.dumps(asdict(config), default=str))
    return {
        "config": {name: value for name, value in values.items() if name not in RUN_ONLY},
        "policy_identity": identity_of(config.policy),
        "grasp": content_of_grasps([config.target]),
        "versions": {name: version(name) for name in PACKAGES},
    }


def log_folder(out: Path, number: int) -> Path:
    """DIR/logs/trial-00000."""
    return out / "logs" / f"trial-{number:05d}"


def read_trials(out: Path) -> list[TrialRecord]:
    """Every finished trial, in order."""
    trials: list[TrialRecord] = []
    block = 0
    while block_path(out, block).is_file():
        trials += read_block(out, block)
        block += 1
    return trials


def add_trial(out: Path, config: RunConfig, number: int, outcome: Outcome) -> TrialRecord:
    """Publishes the record of trial `number` atomically."""
    frames = [value for name, value in read_log(log_folder(out, number)) if name == "frame"]
    scene: dict[str, Any] = {"target": {"object": config.target}, "table_z_m": config.rig.table_z}
    if frames:
        frame = load_frame(log_folder(out, number), frames[0])
        scene |= {"truth": frame.facts["truth"]} if "truth" in frame.facts else {}
        image = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
        publish_bytes(frame_path(out, number), cv2.imencode(".jpg", image)[1].tobytes())
    record = TrialRecord(number, scene, {config.policy: plain(outcome)}, commit())
    block = number // BLOCK
    there = read_block(out, block) if block_path(out, block).is_file() else []
    write_block(out, block, [*there, record])
    return record


def write_results(out: Path, config: RunConfig) -> dict[str, Any]:
    """Publishes results.json and report.html; the results."""
    trials, source = read_trials(out), origin(config)
    results = {
        "format": 1,
        "kind": "real" if config.operator == "ask" else "emulated",
        "seed": config.seed,
        "n": len(trials),
        "asked_for": config.trials,
        "confidence": CONFIDENCE,
        "interval": "Clopper-Pearson, exact for a number of trials fixed beforehand",
        "policies": {config.policy: policy_summary(trials, config.policy)},
        "pairs": [],
        "sequential": None,
        "commits": sorted({trial.commit for trial in trials}),
        **source,
    }
    publish_bytes(out / "results.json", json.dumps(results, indent=1).encode())
    rows = [vars(trial) for trial in trials if frame_path(out, trial.trial).is_file()]
    frames = {n: frame_path(out, n).read_bytes() for n in shown_trials(rows, [config.policy])}
    height, width = (480, 640) if not frames else _size(next(iter(frames.values())))
    report = Report(
        title=f"Grasping on the physical cell: {config.policy}",
        summary="Each trial's folder under logs/ holds every reading, command and decision (`lace bridge replay`).",
        facts={"trials": f"{results['n']} of {results['asked_for']}", "target": config.target, "speed": config.speed},
        sections=trial_sections(results, rows, frames, (width, height)),
        config=source["config"],
        origin={"commit": ", ".join(results["commits"]), **source["versions"]},
    )
    write_report(out, report)
    return results


def _size(jpeg: bytes) -> tuple[int, int]:
    """(height, width) [px]."""
    import numpy as np

    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError("writing the report", "a frame that is no image", "a JPEG file", "look into OUT/frames")
    return image.shape[0], image.shape[1]
