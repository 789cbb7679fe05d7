"""Sections of a report on grasp trials, simulated or real, from results.json and camera frames."""

from collections.abc import Mapping, Sequence
from typing import Any

from lace.core.counting import counted
from lace.reports.sections import Bars, Breakdown, Gallery, Grid, Picture, Section, Shares, Shot, Video, Videos

SUCCESS, DONE = "success", "done"
COLOURS = {
    SUCCESS: "#009e73",
    "localisation": "#0072b2",
    "safety_stop": "#e69f00",
    "plan_refused": "#56b4e9",
    "slip": "#cc79a7",
    "collision": "#d55e00",
}
"""`policies.outcome.Result` -> colour of Okabe and Ito (2008), which colour-blind readers can tell apart."""
POINTS = {"end_effector": "#ffb000", "target": "#3ddc97"}
TILES = 5
"""Pictures of each kind of outcome."""
_ERRORS = {"target_error_px": "px", "target_error_mm": "mm", "end_effector_error_px": "px"}


def trial_sections(
    results: Mapping[str, Any],
    trials: Sequence[Mapping[str, Any]],
    frames: Mapping[int, bytes],
    size: tuple[int, int],
    *,
    films: Sequence[Video] = (),
    sweep: bytes | None = None,
) -> list[Section]:
    """All sections that the results have content for.

    Args:
        results: Content of results.json: `policies` with success, failures, hit rates and errors by policy, `interval`;
            optional `pairs`, `sequential`, `breakdown`.
        trials: Each with `trial` (its number), `scene` with `truth` (point -> (u, v) [px]) and `outcomes` by policy.
        frames: Trial number -> JPEG file that the policies saw; those of `shown_trials` are needed.
        size: Width and height of the frames [px].
        films: Films of trials.
        sweep: PNG of success against localisation error.
    """
    policies = results["policies"]
    counts = {name: outcome_counts(row) for name, row in policies.items()}
    sections: list[Section] = [
        Bars(
            "Success",
            {name: row["success"] for name, row in policies.items()},
            "Share of trials in which the target was grasped and lifted; all policies see the same scenes. Whiskers "
            f"are 95 % intervals ({results['interval']}).",
        ),
    ]
    worst_first = sorted(policies, key=lambda name: policies[name]["success"]["value"])
    if len({kind for some in counts.values() for kind, count in some.items() if count}) > 1:
        sections.append(Shares("Outcomes", counts, COLOURS, SUCCESS))
    shots = {name: _shots(trials, name, counts[name]) for name in worst_first}
    note = (
        "Failures first, of the worst policy first. Crosses are true, rings are predicted; orange is the end effector, "
        "green is the target."
    )
    sections.append(Gallery("Camera frames", shots, frames, size, POINTS, note))
    if films:
        sections.append(Videos("Films", films))
    if sweep:
        note = "The same trials with increasing noise on both points: the error at which grasps start to fail."
        sections.append(Picture("Success against localisation error", sweep, note))
    sections.append(_localisation(policies))
    if results.get("pairs"):
        sections.append(_pairs(results["pairs"]))
    if results.get("sequential"):
        sections.append(_sequential(results["sequential"]))
    varied = {name: _varied(results["breakdown"][name]) for name in worst_first if results.get("breakdown")}
    if any(varied.values()):
        note = (
            "Success by scene factor, lowest p first. p is of independence (chi-squared) and is not corrected for the "
            "number of factors: one in twenty falls below 0.05 by chance."
        )
        sections.append(Breakdown("Success by scene factor", varied, note))
    return sections


def _varied(factors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those whose groups differ in success."""
    return [factor for factor in factors if len({group["value"] for group in factor["groups"]}) > 1]


def outcome_counts(row: Mapping[str, Any]) -> dict[str, int]:
    """Trials by kind of outcome, successes first, of one policy's entry in results.json."""
    failures = {kind: rate["successes"] for kind, rate in row["failures"].items()}
    return {SUCCESS: row["success"]["successes"]} | failures


def shown_trials(trials: Sequence[Mapping[str, Any]], policies: Sequence[str]) -> list[int]:
    """Numbers of the trials whose frames the gallery shows."""
    return sorted({t["trial"] for name in policies for some in _chosen(trials, name).values() for t in some})


def _chosen(trials: Sequence[Mapping[str, Any]], policy: str) -> dict[str, list[Mapping[str, Any]]]:
    """The first few trials of each kind of outcome, failures first."""
    found = {}
    for kind in sorted(COLOURS, key=lambda kind: kind == SUCCESS):
        some = [trial for trial in trials if trial["outcomes"][policy]["result"] == kind][:TILES]
        if some:
            found[kind] = some
    return found


def _shots(trials: Sequence[Mapping[str, Any]], policy: str, counts: Mapping[str, int]) -> dict[str, list[Shot]]:
    return {
        f"{kind.replace('_', ' ')}, {len(some)} of {counts[kind]}": [_shot(trial, policy) for trial in some]
        for kind, some in _chosen(trials, policy).items()
    }


def _shot(trial: Mapping[str, Any], policy: str) -> Shot:
    outcome = trial["outcomes"][policy]
    caption = outcome["result"].replace("_", " ")
    if outcome["reason"]:
        when = "" if outcome["phase"] == DONE else f" in phase {outcome['phase']}"
        caption += f"{when}: {outcome['reason']}"
    known = trial["scene"].get("truth") or {}
    truth = {which: known[which] for which in POINTS if which in known}
    return Shot(trial["trial"], caption, COLOURS[outcome["result"]], truth, outcome["predicted"])


def _localisation(policies: Mapping[str, Any]) -> Grid:
    headings = ["policy", "hit target", "hit end effector", "hit both"]
    headings += ["target error", "target error on the table", "end effector error"]
    rows = [
        [
            name,
            *(_share(row["hit_rate"][which]) for which in ("target", "end_effector", "both")),
            *(_spread(row["errors"][error], unit) for error, unit in _ERRORS.items()),
        ]
        for name, row in policies.items()
    ]
    note = (
        "A hit lies in the true box (paper, appendix A). Errors are between predicted and true points: median / 90th "
        "percentile."
    )
    return Grid("Localisation", headings, rows, note)


def _share(rate: Mapping[str, float]) -> str:
    """In percent, or a dash if the ground truth is not known."""
    return f"{100 * rate['value']:.1f} %" if rate["n"] else "-"


def _spread(error: Mapping[str, float], unit: str) -> str:
    return f"{error['p50']:.1f} / {error['p90']:.1f} {unit}" if error["n"] else "-"


def _pairs(pairs: Sequence[Mapping[str, Any]]) -> Grid:
    counts = ("both", "only_first", "only_second", "neither")
    headings = ["first", "second", *(name.replace("_", " ") for name in counts), "difference", "p"]
    rows = [
        [pair["first"], pair["second"], *(str(pair[name]) for name in counts)]
        + [f"{100 * pair['difference']:+.1f} points", f"{pair['p_value']:.2g}"]
        for pair in pairs
    ]
    note = "McNemar's exact test uses the trials in which exactly one of the two policies succeeded."
    return Grid("Paired comparison on the same trials", headings, rows, note)


def _sequential(found: Mapping[str, Any]) -> Grid:
    intervals = "; ".join(
        f"{name} [{100 * low:.1f}, {100 * high:.1f}] %" for name, (low, high) in found["anytime_intervals"].items()
    )
    rows = [
        [
            f"{row['question']}?",
            row["answer"],
            counted(row["decided_after"], "trial") if row["decided_after"] else "undecided",
        ]
        for row in found["questions"]
    ]
    note = (
        f"Each answer is wrong with probability at most {found['alpha']}, whenever the run stopped "
        f"({found['method']}). "
        f"The exact intervals above do not hold for a run that may stop early; these do: {intervals}."
    )
    return Grid("Sequential tests", ["question", "answer", "after"], rows, note)
