"""From trials to results.json: rates, failures, errors, pairs, breakdowns."""

from collections.abc import Sequence
from typing import Any

from lace.measure.rates import CONFIDENCE
from policies.trials.records import TrialRecord
from policies.trials.summaries import pair_summary, policy_summary
from sim_envs.simulate import stopping
from sim_envs.simulate.config import SimulateConfig
from sim_envs.simulate.factors import breakdown


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
        "pairs": [pair_summary(trials, names[0], name) for name in names[1:]],
        "sequential": stopping.summary(trials, names, config.sequential) if config.sequential.on else None,
        "commits": sorted({trial.commit for trial in trials}),
        "breakdown": {name: breakdown(trials, name) for name in names},
        **origin,
    }
