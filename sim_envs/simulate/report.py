"""report.html of `lace simulate`: collects what the run left on disk and passes it to `lace.reports`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lace.data.show import short_name
from lace.reports.report import Report
from lace.reports.report import write_report as write
from lace.reports.sections import Video
from lace.reports.trials import shown_trials, trial_sections
from policies.trials.records import TrialRecord, film_path, frame_path
from sim_envs.simulate.sweep import sweep_path

OVERLAPS = {"drawn": "as drawn", "collision": "of the collision shapes"}


def write_report(out: Path, results: dict[str, Any], trials: Sequence[TrialRecord]) -> None:
    """Publishes `out`/report.html."""
    names, config = list(results["policies"]), results["config"]
    rows = [vars(trial) for trial in trials]
    sections = trial_sections(
        results,
        rows,
        {number: frame_path(out, number).read_bytes() for number in shown_trials(rows, names)},
        (config["width"], config["height"]),
        films=_films(out, trials, names),
        sweep=sweep_path(out).read_bytes() if sweep_path(out).is_file() else None,
    )
    report = Report(
        title=f"Grasping in simulation: {', '.join(names[:3])}{' ...' * (len(names) > 3)}",
        summary="The same command gives the same trials; frames/ and trials/ hold every one.",
        facts={
            "trials": results["n"]
            if results["n"] == results["asked_for"]
            else f"{results['n']} of {results['asked_for']}",
            "robot": config["embodiment"],
            "targets": ", ".join(sorted({short_name(trial.scene["target"]["object"]) for trial in trials})),
            "seed": results["seed"],
            "preset": config["preset"],
            "image": f"{config['width']} x {config['height']} px",
        },
        sections=sections,
        config=config,
        origin={"commit": ", ".join(results["commits"]), **results["versions"]},
    )
    write(out, report)


def _films(out: Path, trials: Sequence[TrialRecord], names: Sequence[str]) -> list[Video]:
    return [
        Video(
            path.read_bytes(),
            f"trial {trial.trial}, {name}",
            f"{trial.outcomes[name]['result']}, {deepest(json.loads(path.with_suffix('.json').read_text()))}",
        )
        for trial in trials
        for name in names
        if (path := film_path(out, trial.trial, name)).is_file()
    ]


def deepest(overlaps: dict[str, dict[str, float]]) -> str:
    """The deepest overlap of a film in words: of the drawn meshes, and of the collision shapes."""
    worst = {by: max(kinds, key=lambda kind: kinds[kind]) for by, kinds in overlaps.items()}
    said = [f"{overlaps[by][worst[by]]:.1f} mm {name} ({worst[by]})" for by, name in OVERLAPS.items()]
    return f"deepest overlap {', '.join(said)}"
