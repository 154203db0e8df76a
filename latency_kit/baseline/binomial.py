"""Tails of the binomial distribution, for the ranks of order statistics. What they bound lives elsewhere.

Every term is taken from the logarithm of the gamma function, so that a million samples neither underflow nor
need another package. Checked against exact rational arithmetic in the tests.
"""

from math import exp, lgamma, log, log1p

__all__ = ["probability_at_least", "probability_at_most"]

_NEGLIGIBLE = 1e-18
"""Terms fall off faster and faster in a tail; below this share of the sum they no longer change it."""


def probability_at_most(successes: int, trials: int, probability: float) -> float:
    """Return P(X <= `successes`) for X ~ Bin(`trials`, `probability`), with 0 < `probability` < 1."""
    if successes < 0:
        return 0.0
    if successes >= trials:
        return 1.0
    if successes > trials * probability:
        return 1.0 - _tail(successes + 1, trials, probability, step=1)
    return _tail(successes, trials, probability, step=-1)


def probability_at_least(successes: int, trials: int, probability: float) -> float:
    """Return P(X >= `successes`) for X ~ Bin(`trials`, `probability`), with 0 < `probability` < 1."""
    if successes <= 0:
        return 1.0
    if successes > trials:
        return 0.0
    if successes <= trials * probability:
        return 1.0 - _tail(successes - 1, trials, probability, step=-1)
    return _tail(successes, trials, probability, step=1)


def _tail(start: int, trials: int, probability: float, *, step: int) -> float:
    """Sum the terms from `start` away from the mean; each is a small multiple of the one before."""
    term = exp(_log_term(start, trials, probability))
    odds = probability / (1.0 - probability)
    total, successes = 0.0, start
    while term > total * _NEGLIGIBLE and 0 <= successes <= trials:
        total += term
        if step > 0:
            term *= (trials - successes) / (successes + 1) * odds
        else:
            term *= successes / (trials - successes + 1) / odds
        successes += step
    return min(total, 1.0)


def _log_term(successes: int, trials: int, probability: float) -> float:
    failures = trials - successes
    ways = lgamma(trials + 1) - lgamma(successes + 1) - lgamma(failures + 1)
    return ways + successes * log(probability) + failures * log1p(-probability)
