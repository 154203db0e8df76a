"""The tails of the binomial distribution equal exact rational arithmetic."""

from fractions import Fraction
from math import comb

import pytest

from latency_kit.baseline.binomial import probability_at_least, probability_at_most


def exact_at_most(successes: int, trials: int, share: Fraction) -> Fraction:
    return sum(
        (comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(successes + 1)), Fraction(0)
    )


@pytest.mark.parametrize("trials", [1, 2, 7, 100, 437])
@pytest.mark.parametrize("percent", ["0.1", "1", "50", "95", "99.9"])
def test_both_tails_equal_the_exact_sums(trials: int, percent: str) -> None:
    share = Fraction(percent) / 100
    running = Fraction(0)
    for k in range(trials + 1):
        assert probability_at_least(k, trials, float(share)) == pytest.approx(
            float(1 - running), rel=1e-9, abs=1e-300
        )
        running += comb(trials, k) * share**k * (1 - share) ** (trials - k)
        assert probability_at_most(k, trials, float(share)) == pytest.approx(
            float(running), rel=1e-9, abs=1e-300
        )


def test_beyond_the_ends_there_is_nothing() -> None:
    assert probability_at_most(-1, 10, 0.5) == 0
    assert probability_at_most(10, 10, 0.5) == 1
    assert probability_at_least(0, 10, 0.5) == 1
    assert probability_at_least(11, 10, 0.5) == 0


def test_a_million_trials_neither_underflow_nor_lose_the_middle() -> None:
    assert probability_at_most(950_000, 10**6, 0.95) == pytest.approx(0.5, abs=1e-3)
    # 1000 is 4.588 standard deviations: the normal tail with continuity correction is 2.2e-6.
    assert probability_at_least(951_000, 10**6, 0.95) == pytest.approx(2.2e-6, rel=0.1)
