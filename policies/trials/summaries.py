"""From trials to rates: success, failures by kind, hits, errors, and pairs of policies; simulated and real alike."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from lace.measure.rates import exact_rate, mcnemar
from policies.outcome import Phase, Result
from policies.trials.records import TrialRecord

ERRORS = ("target_error_px", "end_effector_error_px", "target_error_mm", "end_effector_error_mm")
BOXES = {"target": "target@segmentation", "end_effector": "embodiment@keypoints"}
"""Point -> the box that it has to hit; the truth is its middle."""
FAILURES = tuple(result for result in Result if result is not Result.SUCCESS)
SHARES = (10, 50, 90)
"""Percentiles of errors that are reported."""


def policy_summary(trials: Sequence[TrialRecord], name: str) -> dict[str, Any]:
    """One policy's success, failures by kind, phases reached, and errors of its predictions."""
    outcomes = [trial.outcomes[name] for trial in trials]
    results = [outcome["result"] for outcome in outcomes]
    phases = [outcome["phase"] for outcome in outcomes]
    return {
        "success": _rate(results.count(Result.SUCCESS), len(trials)),
        "failures": {kind.value: _rate(results.count(kind), len(trials)) for kind in FAILURES},
        "phases": {phase.value: phases.count(phase) for phase in Phase if phase in phases},
        "hit_rate": {which: _rate(sum(found), len(found)) for which, found in hits(trials, name).items()},
        "errors": {error: _spread([outcome[error] for outcome in outcomes]) for error in ERRORS},
    }


def hits(trials: Sequence[TrialRecord], name: str) -> dict[str, list[bool]]:
    """Trial by trial, whether each predicted point lies in the true box (paper, appendix A), and both do.

    Trials without true boxes, as on a real robot, are left out.
    """
    known = [trial for trial in trials if set(BOXES.values()) <= set(trial.scene.get("boxes", ()))]
    found: dict[str, list[bool]] = {}
    for which, box in BOXES.items():
        found[which] = [_inside(trial.outcomes[name]["predicted"], which, trial.scene["boxes"][box]) for trial in known]
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


def pair_summary(trials: Sequence[TrialRecord], first: str, second: str) -> dict[str, Any]:
    """The exact test of two policies on the same trials (McNemar)."""
    paired = mcnemar([trial.success(first) for trial in trials], [trial.success(second) for trial in trials])
    names = {"first": first, "second": second, "n": paired.n, "difference": paired.difference}
    return names | asdict(paired) | {"test": "McNemar, exact, two-sided"}
