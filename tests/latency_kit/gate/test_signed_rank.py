"""The interval of a centre from few figures: exact against enumeration, and as wide as it must be."""

import itertools
import random
from statistics import median

import pytest

from latency_kit.errors import NoDataError, UsageError
from latency_kit.gate.signed_rank import centre_interval, fewest_figures


def test_the_estimate_is_the_median_of_the_means_of_pairs() -> None:
    assert centre_interval([1.0, 2.0, 9.0], confidence=0.5).estimate == median([1, 1.5, 5, 2, 5.5, 9])


def test_the_bounds_are_those_that_all_assignments_of_signs_allow() -> None:
    figures = [0.3, -0.1, 0.9, 0.45, 0.7, -0.25, 0.62, 0.05, 1.2]
    count, confidence = len(figures), 0.95
    # The signed-rank sums of all 2**9 equally likely signs, as the definition has it.
    sums = sorted(
        sum(rank for rank, sign in enumerate(signs, start=1) if sign)
        for signs in itertools.product((False, True), repeat=count)
    )
    allowed = (1 - confidence) / 2 * len(sums)
    cut = max(k for k in range(len(sums)) if sum(one <= k for one in sums) <= allowed)
    means = sorted((a + b) / 2 for a, b in itertools.combinations_with_replacement(figures, 2))
    interval = centre_interval(figures, confidence=confidence)
    assert (interval.lower, interval.upper) == (means[cut], means[-1 - cut])


def test_the_interval_covers_the_centre_as_often_as_it_says_also_with_outliers() -> None:
    source = random.Random(5)  # noqa: S311  # statistics, not secrets
    missed = 0
    for _ in range(2000):
        figures = [0.02 + source.gauss(0, 0.01) * (20 if source.random() < 0.2 else 1) for _ in range(12)]
        interval = centre_interval(figures, confidence=0.9)
        assert interval.lower is not None
        assert interval.upper is not None
        missed += not interval.lower <= 0.02 <= interval.upper
    # Binomial: 200 expected at most, four standard deviations of chance.
    assert 120 < missed < 200 + 4 * 13.4


def test_one_figure_that_is_far_out_does_not_move_the_bounds_there() -> None:
    figures = [0.01 * number for number in range(12)]
    near = centre_interval(figures, confidence=0.9)
    far = centre_interval([*figures[:-1], 1000.0], confidence=0.9)
    assert far.upper is not None
    assert far.upper < 1
    assert far.lower == near.lower


@pytest.mark.parametrize(("confidence", "count"), [(0.5, 2), (0.95, 6), (0.9875, 8)])
def test_it_takes_so_many_figures_to_bound_the_centre(confidence: float, count: int) -> None:
    assert fewest_figures(confidence) == count
    figures = [float(number) for number in range(count)]
    interval = centre_interval(figures, confidence=confidence)
    assert (interval.lower, interval.upper) == (figures[0], figures[-1])
    assert centre_interval(figures[1:], confidence=confidence).lower is None


def test_nothing_and_nonsense_are_refused() -> None:
    with pytest.raises(NoDataError, match="there are none"):
        centre_interval([], confidence=0.9)
    with pytest.raises(UsageError, match=r"such as 0\.95, got 95"):
        centre_interval([1.0], confidence=95)
    with pytest.raises(UsageError, match="at most 1000 figures, got 1001"):
        centre_interval([0.0] * 1001, confidence=0.9)
