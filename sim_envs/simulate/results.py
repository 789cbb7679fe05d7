"""From trials to results.json: rates, failures, errors, pairs, breakdowns."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from lace.measure.rates import CONFIDENCE, exact_rate, mcnemar
from policies.outcome import Phase, Result
from sim_envs.simulate import stopping
from sim_envs.simulate.config import SimulateConfig
from sim_envs.simulate.factors import breakdown
from sim_envs.simulate.records import TrialRecord

ERRORS = ("target_error_px", "end_effector_error_px", "target_error_mm", "end_effector_error_mm")
BOXES = {"target": "target@segmentation", "end_effector": "embodiment@keypoints"}
"""Point -> the box that it has to hit; the truth is its middle."""
FAILURES = tuple(result for result in Result if result is not Result.SUCCESS)
SHARES = (10, 50, 90)
"""Percentiles of errors that are reported."""


def summarise(trials: Sequence[TrialRecord], config: SimulateConfig, origin: dict[str, Any]) -> dict[str, Any]:
    """Everything that results.json says; a function of the trials, the options and their origin alone.

    Args:
        trials: In order, from number 0.
        config: The run.
        origin: What simulate.json says of it: config, commit, versions.
    """
    names = config.policies
    return {
        "format": 1,
        "kind": "simulation",
        "seed": config.seed,
        "n": len(trials),
        "asked_for": config.trials,
        "confidence": CONFIDENCE,
        "interval": "Clopper-Pearson, exact for a number of trials fixed beforehand",
        "policies": {name: policy_summary(trials, name) for name in names},
        "pairs": [_pair(trials, names[0], name) for name in names[1:]],
        "sequential": stopping.summary(trials, names, config.sequential) if config.sequential.on else None,
        "commits": sorted({trial.commit for trial in trials}),
        "breakdown": {name: breakdown(trials, name) for name in names},
        **origin,
    }


def policy_summary(trials: Sequence[TrialRecord], name: str) -> dict[str, Any]:
    """One policy's success, failures by kind, phases reached, and errors of its predictions."""
    outcomes = [trial.outcomes[name] for trial in trials]
    results = [outcome["result"] for outcome in outcomes]
    phases = [outcome["phase"] for outcome in outcomes]
    return {
        "success": _rate(results.count(Result.SUCCESS), len(trials)),
        "failures": {kind.value: _rate(results.count(kind), len(trials)) for kind in FAILURES},
        "phases": {phase.value: phases.count(phase) for phase in Phase if phase in phases},
        "hit_rate": {which: _rate(sum(found), len(trials)) for which, found in hits(trials, name).items()},
        "errors": {error: _spread([outcome[error] for outcome in outcomes]) for error in ERRORS},
    }


def hits(trials: Sequence[TrialRecord], name: str) -> dict[str, list[bool]]:
    """Trial by trial, whether each predicted point lies in the true box (paper, appendix A), and both do."""
    found: dict[str, list[bool]] = {}
    for which, box in BOXES.items():
        found[which] = [
            _inside(trial.outcomes[name]["predicted"], which, trial.scene["boxes"][box]) for trial in trials
        ]
    return found | {"both": [a and b for a, b in zip(*found.values(), strict=True)]}


def _inside(predicted: dict[str, list[float]] | None, which: str, box: Sequence[float]) -> bool:
    if predicted is None:
        return False
    u, v = predicted[which]
    return bool(box[0] <= u <= box[2] and box[1] <= v <= box[3])


def _rate(successes: int, n: int) -> dict[str, Any]:
    rate = exact_rate(successes, n)
    return {"value": rate.value, **asdict(rate)}


def _spread(values: Sequence[float | None]) -> dict[str, float | int]:
    """Count, root mean square and percentiles of what is known."""
    known = np.array([value for value in values if value is not None])
    if not len(known):
        return {"n": 0}
    shares = {f"p{share}": float(value) for share, value in zip(SHARES, np.percentile(known, SHARES), strict=True)}
    return {"n": len(known), "rms": float(np.sqrt((known**2).mean())), **shares}


def _pair(trials: Sequence[TrialRecord], first: str, second: str) -> dict[str, Any]:
    paired = mcnemar([trial.success(first) for trial in trials], [trial.success(second) for trial in trials])
    names = {"first": first, "second": second, "n": paired.n, "difference": paired.difference}
    return names | asdict(paired) | {"test": "McNemar, exact, two-sided"}
