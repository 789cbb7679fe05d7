"""Rates: hand-worked values, a second implementation, and error rates measured by simulation."""

import numpy as np
import pytest
from scipy.stats import beta, binom, binomtest

from lace.core.errors import InvalidValueError
from lace.measure.rates import anytime_rate, exact_rate, log_evidence, mcnemar

PAPER = {  # successes of 20 in table 3 of the paper -> exact interval [%]
    0: (0.0, 16.8),
    1: (0.1, 24.9),
    12: (36.1, 80.9),
    13: (40.8, 84.6),
}


@pytest.mark.parametrize("successes", PAPER)
def test_the_papers_twenty_trials(successes):
    rate = exact_rate(successes, 20)
    assert (round(100 * rate.low, 1), round(100 * rate.high, 1)) == PAPER[successes]


def test_all_or_none_has_a_closed_form():
    """(alpha/2)^(1/n) of n successes in n."""
    assert exact_rate(300, 300).low == pytest.approx(0.025 ** (1 / 300))
    assert exact_rate(0, 300).high == pytest.approx(1 - 0.025 ** (1 / 300))


@pytest.mark.parametrize(("k", "n"), [(1, 3), (285, 300), (7, 11), (999, 1000)])
def test_the_exact_interval_agrees_with_scipys_inversion_of_the_binomial_test(k, n):
    rate, other = exact_rate(k, n), binomtest(k, n).proportion_ci(0.95, method="exact")
    assert (rate.low, rate.high) == pytest.approx((other.low, other.high))


@pytest.mark.parametrize("truth", [0.03, 0.5, 0.91])
def test_the_exact_interval_covers_by_enumeration(truth):
    n = 40
    covered = [exact_rate(k, n).low <= truth <= exact_rate(k, n).high for k in range(n + 1)]
    assert 0.95 <= binom.pmf(np.arange(n + 1), n, truth) @ covered < 1


def test_no_trials_give_the_whole_interval():
    assert (exact_rate(0, 0).low, exact_rate(0, 0).high) == (0, 1)
    assert (anytime_rate(0, 0).low, anytime_rate(0, 0).high) == (0, 1)
    assert str(exact_rate(0, 0)) == "no trials"


@pytest.mark.parametrize("counts", [(-1, 3), (4, 3)])
@pytest.mark.parametrize("rate", [exact_rate, anytime_rate])
def test_impossible_counts_are_refused(rate, counts):
    with pytest.raises(InvalidValueError, match="0 <= successes <= trials"):
        rate(*counts)


def test_mcnemar_by_hand():
    """Nine trials only the first wins, one only the second: 2 * (1 + 10) / 2^10."""
    first = [True] * 5 + [True] * 9 + [False] * 1 + [False] * 3
    second = [True] * 5 + [False] * 9 + [True] * 1 + [False] * 3
    paired = mcnemar(first, second)
    assert (paired.both, paired.only_first, paired.only_second, paired.neither) == (5, 9, 1, 3)
    assert paired.p_value == pytest.approx(22 / 1024)
    assert paired.difference == pytest.approx(8 / 18)


def test_mcnemar_is_symmetric_and_ignores_agreement():
    a, b = np.random.default_rng(3).random((2, 60)) < 0.6
    forth, back = mcnemar(a, b), mcnemar(b, a)
    assert forth.p_value == back.p_value
    assert forth.difference == -back.difference
    assert mcnemar([*a, True, False], [*b, True, False]).p_value == forth.p_value
    assert mcnemar(a, a).p_value == 1


def test_mcnemar_keeps_its_error_rate():
    """Exact: with a fair coin for every discordant trial, at most 5 % of outcomes reject."""
    n = 25
    p = [mcnemar([True] * k + [False] * (n - k), [False] * k + [True] * (n - k)).p_value for k in range(n + 1)]
    assert 0 < binom.pmf(np.arange(n + 1), n, 0.5)[np.array(p) <= 0.05].sum() <= 0.05


def test_unpaired_trials_are_refused():
    with pytest.raises(InvalidValueError, match="same trials"):
        mcnemar([True], [True, False])


def test_evidence_by_hand():
    """One success: the mean of p over a uniform prior is 1/2, against p = 0.25."""
    assert np.exp(log_evidence(1, 1, 0.25)) == pytest.approx(2)
    assert log_evidence(0, 0, 0.3) == pytest.approx(0)
    assert anytime_rate(1, 1).low == pytest.approx(0.5 * 0.05)  # (1/2) / p < 20


def test_evidence_is_fair():
    """A martingale: averaged over the next trial it stays what it is."""
    for k, n, rate in [(0, 0, 0.2), (3, 7, 0.55), (40, 41, 0.9)]:
        after = rate * np.exp(log_evidence(k + 1, n + 1, rate)) + (1 - rate) * np.exp(log_evidence(k, n + 1, rate))
        assert after == pytest.approx(np.exp(log_evidence(k, n, rate)))


@pytest.mark.parametrize("truth", [0.5, 0.9])
def test_sequential_looks_keep_the_error_rate(truth):
    """And the fixed-size interval does not, which is why there are two."""
    runs, length = 1000, 300
    k = np.cumsum(np.random.default_rng(11).random((runs, length)) < truth, axis=1)
    n = np.arange(1, length + 1)
    fooled = (log_evidence(k, n, truth) > np.log(20)).any(1).mean()
    assert 0 < fooled <= 0.05
    low, high = beta.ppf(0.025, k, n - k + 1), beta.ppf(0.975, k + 1, n - k)
    assert ((truth < np.nan_to_num(low, nan=0)) | (truth > np.nan_to_num(high, nan=1))).any(1).mean() > 0.1


@pytest.mark.parametrize(("k", "n"), [(0, 20), (20, 20), (3, 8), (285, 300)])
def test_the_anytime_interval_is_where_the_evidence_is_small(k, n):
    rate, exact = anytime_rate(k, n), exact_rate(k, n)
    assert rate.low <= exact.low <= k / n <= exact.high <= rate.high
    for edge in {rate.low, rate.high} - {0.0, 1.0}:
        assert log_evidence(k, n, edge) == pytest.approx(np.log(20), abs=1e-6)
