"""Sequential tests: a run stops once every question is answered at its share of the error probability.

The evidence (`lace.measure.rates.log_evidence`) exceeds 1 / alpha with probability at most alpha if the answer is "no
difference", however often one looks; with q questions each has alpha / q (Bonferroni).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from lace.measure.rates import anytime_rate, log_evidence
from policies.trials.records import TrialRecord
from sim_envs.simulate.config import SequentialConfig


@dataclass(frozen=True)
class Answer:
    """Result of one question."""

    question: str
    decided_after: int | None
    """Trials after which the evidence sufficed; None if it never did."""
    answer: str
    """ "above", "below", the name of the better policy, or "open"."""


def answers(trials: Sequence[TrialRecord], policies: Sequence[str], config: SequentialConfig) -> list[Answer]:
    """All questions of a run, asked of its trials in order."""
    wins = {name: np.array([trial.success(name) for trial in trials], bool) for name in policies}
    first, *others = policies
    bar = np.log((len(policies) + len(others)) / config.alpha)
    found = []
    for name in policies:
        question = f"is {name} above {config.threshold:g}"
        found.append(
            _answer(question, wins[name], np.ones(len(trials), bool), config.threshold, bar, ("above", "below"))
        )
    for name in others:
        differ = wins[first] != wins[name]
        found.append(_answer(f"is {first} or {name} better", wins[first], differ, 0.5, bar, (first, name)))
    return found


def _answer(
    question: str, wins: np.ndarray, counts: np.ndarray, rate: float, bar: float, names: tuple[str, str]
) -> Answer:
    """Asks whether the share of `wins` among the trials that `counts` is above `rate`."""
    k, n = np.cumsum(wins & counts), np.cumsum(counts)
    crossed = np.flatnonzero(log_evidence(k, n, rate) > bar)
    if not len(crossed):
        return Answer(question, None, "open")
    at = int(crossed[0])
    return Answer(question, at + 1, names[0] if k[at] > rate * n[at] else names[1])


def summary(trials: Sequence[TrialRecord], policies: Sequence[str], config: SequentialConfig) -> dict:
    """For results.json: the answers, and intervals that hold wherever the run stopped."""
    found = answers(trials, policies, config)
    count = len(found)
    rates = {
        name: anytime_rate(sum(trial.success(name) for trial in trials), len(trials), 1 - config.alpha / count)
        for name in policies
    }
    return {
        "alpha": config.alpha,
        "threshold": config.threshold,
        "questions": [asdict(answer) for answer in found],
        "method": "mixture martingale with a uniform prior (Robbins 1970), Bonferroni over the questions",
        "anytime_intervals": {name: [rate.low, rate.high] for name, rate in rates.items()},
    }
