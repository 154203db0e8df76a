"""Where a sequence of figures changed its level: rank CUSUM with a permutation test, split again and again.

For each place at which a sequence of n figures could be cut, the sum of the ranks before it is compared with
what chance would give; in units of its standard deviation that is the two-sample statistic of Wilcoxon. The
cut with the largest one is a change point when few of many random orders of the same figures have as large a
one anywhere. Both sides are then searched in the same way. Ranks make it indifferent to single outliers and
to the distribution; the permutation makes the error rate exact: a sequence without a change shows one with a
probability of at most `significance`, however long it is, as its first test must already fail.

Source: A. N. Pettitt, A non-parametric approach to the change-point problem, Applied Statistics 28 (1979)
126-135, here standardised at each cut; binary segmentation after L. Ju. Vostrikova (1981), permutation
test as in D. S. Matteson and N. A. James, A nonparametric approach for multiple change point analysis of
multivariate data, JASA 109 (2014) 334-345.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt
from operator import mul
from statistics import fmean, median

from latency_kit.errors import UsageError

__all__ = ["DEFAULT_SIGNIFICANCE", "FEWEST_FIGURES", "ChangePoint", "change_points"]

DEFAULT_SIGNIFICANCE = 0.01

FEWEST_FIGURES = 11
"""From here on the clearest cut is rare enough for the default significance: one order in 231 of 11 figures
is as clear as 5 : 6, but one in 63 of 9 as clear as 4 : 5."""

_SMALLEST_PART = 3
"""A level needs some figures; a single odd one at the end is an outlier until others follow."""

_PERMUTATIONS = 999

_ROUNDING = 1 - 1e-9
"""Sums of the same numbers in another order may differ in their last digits."""

_SEED = 20260101
"""The same figures must always show the same change points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """A place at which the level changed.

    * At least three figures stand on each side, up to the next change point.

    Attributes:
        index: Index of the first figure at the new level.
        before: Median of the figures since the change point before this one.
        after: Median of the figures up to the next change point.
        p_value: How often chance would make as clear a cut.
    """

    index: int
    before: float
    after: float
    p_value: float


def change_points(
    figures: Sequence[float], *, significance: float = DEFAULT_SIGNIFICANCE
) -> tuple[ChangePoint, ...]:
    """Return where the level of `figures` changed, in their order.

    Raises:
        UsageError: `significance` is not between 0.001 (what 999 permutations can show) and 1.
    """
    if not 1 / (_PERMUTATIONS + 1) <= significance < 1:
        raise UsageError(
            f"significance must be from {1 / (_PERMUTATIONS + 1)} to below 1, such as 0.01, "
            f"got {significance!r}"
        )
    chance = random.Random(_SEED)  # noqa: S311  # statistics, not secrets
    found: dict[int, float] = {}
    open_parts = [(0, len(figures))]
    while open_parts:
        start, end = open_parts.pop()
        if end - start < 2 * _SMALLEST_PART:
            continue
        cut, p_value = _clearest_cut(figures[start:end], chance, significance)
        if p_value <= significance:
            found[start + cut] = p_value
            open_parts += [(start, start + cut), (start + cut, end)]
    borders = [0, *sorted(found), len(figures)]
    return tuple(
        ChangePoint(
            index=index,
            before=median(figures[before:index]),
            after=median(figures[index:after]),
            p_value=found[index],
        )
        for before, index, after in zip(borders, borders[1:-1], borders[2:], strict=False)
    )


def _clearest_cut(figures: Sequence[float], chance: random.Random, significance: float) -> tuple[int, float]:
    """Return before which figure the clearest cut is, and how often a random order has one as clear."""
    deviations = _rank_deviations(figures)
    count = len(figures)
    weights = [
        1 / sqrt(cut * (count - cut)) if _SMALLEST_PART <= cut <= count - _SMALLEST_PART else 0.0
        for cut in range(1, count)
    ]
    clearness = _largest_sum(deviations, weights)
    if not clearness:
        return 0, 1.0
    cut = _widest_cut(figures, deviations, weights, at_least=clearness * _ROUNDING)
    as_clear = 1
    enough = significance * (_PERMUTATIONS + 1)
    for _ in range(_PERMUTATIONS):
        chance.shuffle(deviations)
        if _largest_sum(deviations, weights) >= clearness * _ROUNDING:
            as_clear += 1
            if as_clear > enough:
                return cut, 1.0  # chance it is; how much of it no longer matters
    return cut, as_clear / (_PERMUTATIONS + 1)


def _rank_deviations(figures: Sequence[float]) -> list[float]:
    """Return how far the rank of each figure is from the middle one; equal figures share their mean rank."""
    order = sorted(range(len(figures)), key=figures.__getitem__)
    middle = (len(figures) - 1) / 2
    deviations = [0.0] * len(figures)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and figures[order[end]] == figures[order[start]]:
            end += 1
        for position in order[start:end]:
            deviations[position] = (start + end - 1) / 2 - middle
        start = end
    return deviations


def _largest_sum(deviations: Sequence[float], weights: Sequence[float]) -> float:
    return max(_clearness(deviations, weights))


def _widest_cut(
    figures: Sequence[float], deviations: Sequence[float], weights: Sequence[float], *, at_least: float
) -> int:
    """Return, of the cuts that are as clear in ranks, that between the levels farthest apart."""
    cuts = [cut for cut, clear in enumerate(_clearness(deviations, weights), 1) if clear >= at_least]
    return max(cuts, key=lambda cut: abs(fmean(figures[:cut]) - fmean(figures[cut:])))


def _clearness(deviations: Sequence[float], weights: Sequence[float]) -> Iterator[float]:
    """Yield how clear the cut before the second figure, the third and so on is."""
    # Without a loop in Python: of a thousand random orders each is summed so.
    return map(mul, map(abs, accumulate(deviations)), weights)
