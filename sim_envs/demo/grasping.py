"""Both policies on the same trials in the simulated cell, and films of a success and of a failure."""

import json
from pathlib import Path
from typing import Any

from lace.reports.report import Grid, Section, Text
from lace.reports.sections import Video, Videos
from policies.outcome import Result
from policies.trials.records import film_path
from policies.trials.summaries import FAILURES
from sim_envs.demo.config import DemoConfig
from sim_envs.demo.policies import ROWS, trained
from sim_envs.demo.stage import Command, Stage

TRIED = "grasps"
"""Folder of the trials."""


def _trials(config: DemoConfig) -> Command:
    policies = [trained(config, name) for name in reversed(ROWS)]
    words = ["simulate", "--policy", *policies, "--trials", str(config.trials), "--seed", str(config.seed)]
    words += ["--width", str(config.image_size), "--height", str(config.image_size), "--axes.clutter.count", "0", "0"]
    return [*words, "--workers", str(config.workers), "--out", str(config.out / TRIED)]


def _results(config: DemoConfig) -> dict[str, Any]:
    return json.loads((config.out / TRIED / "results.json").read_text())


def _outcomes(config: DemoConfig) -> dict[int, dict[str, str]]:
    """Trial -> how it ended for each policy."""
    lines = [
        json.loads(line)
        for path in sorted((config.out / TRIED / "trials").glob("trials-*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    return {line["trial"]: {name: found["result"] for name, found in line["outcomes"].items()} for line in lines}


def _telling(config: DemoConfig) -> list[int]:
    """A trial that the policy on LACE's features alone wins, and one that it loses; fewer where there is none."""
    ours, base = (trained(config, name) for name in reversed(ROWS))
    won = {n: {name: result == Result.SUCCESS for name, result in row.items()} for n, row in _outcomes(config).items()}
    gained = [n for n, row in won.items() if row[ours] and not row[base]][:1]
    lost = [n for n, row in won.items() if not row[ours]][:1]
    return gained + lost


def headline(config: DemoConfig) -> str:
    """The result in one sentence, whichever way it went."""
    found = _results(config)
    ours, base = (found["policies"][trained(config, name)]["success"] for name in reversed(ROWS))
    pair = found["pairs"][0]
    return (
        f"Of {found['n']} simulated trials, a policy that learned from humans alone grasped the target with the robot "
        f"in {base['successes']} ({100 * base['value']:.0f} %) on the features before LACE and in {ours['successes']} "
        f"({100 * ours['value']:.0f} %) after it: {100 * pair['difference']:+.0f} points on the same trials, "
        f"p = {pair['p_value']:.2g} (McNemar, exact)."
    )


def _grid(config: DemoConfig) -> Grid:
    found, rows = _results(config), []
    for name, label in ROWS.items():
        row = found["policies"][trained(config, name)]
        rate = row["success"]
        cells = [f"{100 * rate['value']:.1f} % [{100 * rate['low']:.1f}, {100 * rate['high']:.1f}]"]
        cells += [str(row["failures"][kind.value]["successes"]) for kind in FAILURES]
        rows.append([f"policy on {label}", *cells])
    headings = ["", "success [95 %]", *(kind.value.replace("_", " ") for kind in FAILURES)]
    note = "The paper's arm, zero-shot: 5 % of 20 trials before, 60 % after. Counts of failures by kind."
    return Grid("How the trials ended", headings, rows, note)


def _sections(config: DemoConfig) -> list[Section]:
    return [
        Text(
            "5. Does it grasp?",
            [
                headline(config),
                "Each trial is a new scene: the policy's two points tell where the hand and the target are, a fixed "
                "motion then reaches, closes the hand and lifts, in a physics simulator. A hand that is found in the "
                "wrong place stops the trial before the arm moves (safety stop), as on a real arm.",
            ],
        ),
        _grid(config),
    ]


def _films(config: DemoConfig) -> list[Command]:
    """The same command with the trials to film, which are known when the trials are there."""
    numbers = _telling(config) if (config.out / TRIED / "results.json").is_file() else []
    return [[*_trials(config), "--film", *map(str, numbers)]] if numbers else []


def _film_sections(config: DemoConfig) -> list[Section]:
    outcomes, videos = _outcomes(config), []
    for number in _telling(config):
        for name, label in ROWS.items():
            path: Path = film_path(config.out / TRIED, number, trained(config, name))
            if path.is_file():
                ended = outcomes[number][trained(config, name)].replace("_", " ")
                videos.append(Video(path.read_bytes(), f"trial {number}, {label}", ended))
    note = "Two trials, each by both policies: one that only the policy on LACE's features wins, and one that it loses."
    return [Videos("Films", videos, note)] if videos else []


GRASPING = Stage(
    "grasping",
    "let both policies grasp in the simulated cell",
    120,
    lambda config: [_trials(config)],
    _sections,
    reduced=(("trials", "20 on a real arm", "{trials} paired trials in simulation"),),
    headline=headline,
)
FILMS = Stage("films", "film a success and a failure", 40, _films, _film_sections)
