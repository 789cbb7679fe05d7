"""report.html: one file without links to elsewhere, for people."""

import json
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from lace.core.files import publish_bytes
from policies.outcome import Result
from sim_envs.simulate.records import TrialRecord, film_path, frame_path
from sim_envs.simulate.sweep import sweep_path

COLOURS = {
    Result.SUCCESS: "#009e73",
    Result.LOCALISATION: "#0072b2",
    Result.SAFETY_STOP: "#e69f00",
    Result.PLAN_REFUSED: "#56b4e9",
    Result.SLIP: "#cc79a7",
    Result.COLLISION: "#d55e00",
}
"""Okabe and Ito (2008): told apart by the colour-blind too."""
OVERLAPS = {"drawn": "as drawn", "collision": "of the collision shapes"}
TILES = 5
"""Pictures of each kind of ending."""


def write_report(out: Path, results: dict[str, Any], trials: Sequence[TrialRecord]) -> None:
    """Publishes `out`/report.html."""
    environment = Environment(
        loader=PackageLoader("sim_envs.simulate", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = list(results["policies"])
    gallery = {name: shots(trials, name) for name in names}
    shown = sorted({shot["number"] for kinds in gallery.values() for some in kinds.values() for shot in some})
    page = environment.get_template("report.html.j2").render(
        title=f"Grasping in simulation: {', '.join(names[:3])}{' ...' * (len(names) > 3)}",
        results=results,
        width=results["config"]["width"],
        height=results["config"]["height"],
        gallery=gallery,
        counts={name: ending_counts(row) for name, row in results["policies"].items()},
        colours={kind.value: colour for kind, colour in COLOURS.items()},
        frames={number: _base64(frame_path(out, number)) for number in shown},
        films=_films(out, trials, names),
        sweep=_base64(sweep_path(out)) if sweep_path(out).is_file() else "",
        config=json.dumps(results["config"], indent=1),
        versions=json.dumps(results["versions"], indent=1),
    )
    publish_bytes(out / "report.html", page.encode())


def shots(trials: Sequence[TrialRecord], policy: str) -> dict[str, list[dict[str, Any]]]:
    """The first few trials of each ending, failures first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in sorted(COLOURS, key=lambda result: result is Result.SUCCESS):
        some = [trial for trial in trials if trial.outcomes[policy]["result"] == kind][:TILES]
        if some:
            found[kind.value] = [_shot(trial, policy) for trial in some]
    return found


def _shot(trial: TrialRecord, policy: str) -> dict[str, Any]:
    outcome = trial.outcomes[policy]
    fields = {name: outcome[name] for name in ("result", "phase", "reason", "predicted")}
    return fields | {"number": trial.trial, "truth": trial.scene["truth"]}


def ending_counts(row: dict[str, Any]) -> dict[str, int]:
    """Trials by kind of ending."""
    failures = {kind: rate["successes"] for kind, rate in row["failures"].items()}
    return {Result.SUCCESS.value: row["success"]["successes"]} | failures


def _films(out: Path, trials: Sequence[TrialRecord], names: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "number": trial.trial,
            "policy": name,
            "result": trial.outcomes[name]["result"],
            "data": _base64(path),
            "overlap": deepest(json.loads(path.with_suffix(".json").read_text())),
        }
        for trial in trials
        for name in names
        if (path := film_path(out, trial.trial, name)).is_file()
    ]


def deepest(overlaps: dict[str, dict[str, float]]) -> str:
    """The deepest overlap of a film in words: of the drawn meshes, and of the collision shapes."""
    worst = {by: max(kinds, key=kinds.get) for by, kinds in overlaps.items()}
    said = [f"{overlaps[by][worst[by]]:.1f} mm {name} ({worst[by]})" for by, name in OVERLAPS.items()]
    return f"deepest overlap {', '.join(said)}"


def _base64(path: Path) -> str:
    return b64encode(path.read_bytes()).decode()
