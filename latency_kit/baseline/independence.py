"""Whether samples look independent of each other, as every interval here assumes."""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

__all__ = ["are_dependent"]

_FEWEST = 20
"""Below it the number of runs is too far from normally distributed to say anything."""

_RARE = -3.29
"""One in 2000 sequences of independent samples has so few runs (one-sided normal tail of 0.0005)."""


def are_dependent(durations_ns: Sequence[int]) -> bool:
    """Tell whether samples, in the order taken, hang together: slow ones follow slow ones too often.

    The runs test about the median: independent samples change sides often; a machine that is slower for a
    while makes long runs on one side. An interval from such samples is narrower than it should be.

    Source: A. Wald and J. Wolfowitz, On a test whether two samples are from the same population, Annals of
    Mathematical Statistics 11 (1940) 147-162.
    """
    ordered = sorted(durations_ns)
    if not ordered:
        return False
    middle = ordered[len(ordered) // 2]
    sides = [value > middle for value in durations_ns if value != middle]
    above = sum(sides)
    below = len(sides) - above
    if min(above, below) * 2 < _FEWEST:
        return False
    runs = 1 + sum(one != other for one, other in pairwise(sides))
    count = above + below
    expected = 2 * above * below / count + 1
    variance = (expected - 1) * (expected - 2) / (count - 1)
    return (runs - expected) / sqrt(variance) < _RARE
