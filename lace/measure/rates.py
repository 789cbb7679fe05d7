"""Success rates with exact intervals, paired comparison, and sequential tests."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, betaln, xlog1py, xlogy

from lace.core.errors import InvalidValueError

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Rate:
    """A success rate with its interval."""

    successes: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The rate; NaN without trials."""
        return self.successes / self.n if self.n else float("nan")

    def __str__(self) -> str:
        if not self.n:
            return "no trials"
        return f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}], {self.successes} of {self.n}"


def exact_rate(successes: int, n: int, confidence: float = CONFIDENCE) -> Rate:
    """The rate with its exact interval (Clopper and Pearson 1934): coverage is at least `confidence`.

    Valid if the number of trials was fixed beforehand; without trials it is [0, 1].
    """
    _require_counts(successes, n)
    tail = (1 - confidence) / 2
    low = betaincinv(successes, n - successes + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, n - successes, 1 - tail) if successes < n else 1.0
    return Rate(successes, n, float(low), float(high))


@dataclass(frozen=True)
class Paired:
    """Two policies on the same trials."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p_value: float
    """Of equal success rates, two-sided."""

    @property
    def n(self) -> int:
        """Trials."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def difference(self) -> float:
        """Rate of the first minus rate of the second."""
        return (self.only_first - self.only_second) / self.n if self.n else float("nan")


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> Paired:
    """Exact test of two policies on the same trials (McNemar 1947), from the trials in which only one succeeded.

    Args:
        first: Success of one policy, trial by trial.
        second: Success of the other on the same trials.
    """
    a, b = np.asarray(first, bool), np.asarray(second, bool)
    if a.shape != b.shape or a.ndim != 1:
        raise InvalidValueError(
            "comparing two policies",
            f"{a.shape} and {b.shape} successes",
            "the same trials in the same order",
            "pair the trials by their seed",
        )
    from scipy.stats import binomtest  # takes as long to import as a trial to run

    only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
    discordant = only_first + only_second
    p_value = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return Paired(int((a & b).sum()), only_first, only_second, int((~a & ~b).sum()), p_value)


def log_evidence(successes: ArrayLike, n: ArrayLike, rate: float) -> np.ndarray:
    """Log of a martingale that starts at 1 if the true rate is `rate`, and grows if it is another.

    It is the likelihood averaged over a uniform prior of rates, divided by that of `rate` (Robbins 1970): with
    probability at least 1 - alpha it never exceeds log(1 / alpha), for any number of looks (Ville 1939).
    """
    k, total = np.asarray(successes), np.asarray(n)
    return betaln(k + 1, total - k + 1) - xlogy(k, rate) - xlog1py(total - k, -rate)


def anytime_rate(successes: int, n: int, confidence: float = CONFIDENCE) -> Rate:
    """The rate with an interval that is valid at all times simultaneously, so a run may stop after any trial.

    It contains the rates that `log_evidence` does not reject; wider than `exact_rate`.
    """
    from scipy.optimize import brentq

    _require_counts(successes, n)
    limit, peak = -np.log1p(-confidence), successes / n if n else 0.5

    def excess(rate: float) -> float:
        return float(log_evidence(successes, n, rate)) - limit

    edge = 1e-12
    low = brentq(excess, edge, peak) if peak > edge and excess(edge) > 0 else 0.0
    high = brentq(excess, peak, 1 - edge) if peak < 1 - edge and excess(1 - edge) > 0 else 1.0
    return Rate(successes, n, float(low), float(high))


def _require_counts(successes: int, n: int) -> None:
    if not 0 <= successes <= n:
        raise InvalidValueError(
            "computing a rate", f"{successes} successes of {n} trials", "0 <= successes <= trials", "fix the counts"
        )
