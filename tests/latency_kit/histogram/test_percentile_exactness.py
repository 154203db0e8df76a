"""A percentile is the smallest recorded value with at least that share of values at or below it.

Truth is the sorted list and rational arithmetic; only widening to the end of a bucket is left to the layout.
"""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from latency_kit.errors import UsageError
from latency_kit.histogram import DEFAULT_LAYOUT, MAX_VALUE_NS, BucketLayout, Histogram, HistogramSnapshot
from latency_kit.histogram.percentile import ceil_rank

PERCENTILES = [0.001, 0.1, 1, 5, 10, 25, 33.3, 50, 66.7, 75, 90, 94, 95, 99, 99.9, 99.99, 99.999, 100]
TENTHS_OF_A_THOUSANDTH = st.integers(1, 1_000_000)


def exact_order_statistic(values: list[int], percent: Fraction) -> int:
    """Return the smallest value with at least `percent` of `values` at or below it, trying each in turn."""
    needed = percent * len(values) / 100
    for position, value in enumerate(sorted(values), start=1):
        if position >= needed:
            return value
    raise AssertionError("no value has all values at or below it")


def recorded(values: list[int], layout: BucketLayout = DEFAULT_LAYOUT) -> HistogramSnapshot:
    histogram = Histogram(layout)
    histogram.record_many(values)
    return histogram.snapshot()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_percentiles_of_named_distributions_are_exact(
    distribution: Callable[[int], list[int]], seed: int
) -> None:
    values = distribution(seed)
    snapshot = recorded(values)
    for percentile in PERCENTILES:
        truth = exact_order_statistic(values, Fraction(str(percentile)))
        assert snapshot.value_at_percentile(percentile) == DEFAULT_LAYOUT.highest_equivalent(truth)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, MAX_VALUE_NS), min_size=1),
    TENTHS_OF_A_THOUSANDTH,
    st.builds(BucketLayout, st.integers(1, 5), st.sampled_from([1, 1000])),
)
def test_percentiles_of_any_values_are_exact(values: list[int], share: int, layout: BucketLayout) -> None:
    truth = exact_order_statistic(values, Fraction(share, 10_000))
    assert recorded(values, layout).value_at_percentile(share / 10_000) == layout.highest_equivalent(truth)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2047), min_size=1), TENTHS_OF_A_THOUSANDTH)
def test_percentiles_of_values_below_2048_are_the_values_themselves(values: list[int], share: int) -> None:
    truth = exact_order_statistic(values, Fraction(share, 10_000))
    assert recorded(values).value_at_percentile(share / 10_000) == truth


@pytest.mark.parametrize(
    ("values", "percentile", "value"),
    [
        (range(1, 11), 94, 10),
        (range(1, 11), 90, 9),
        (range(1, 11), 90.000001, 10),
        (range(1, 1001), 99.9, 999),
        (range(1, 1001), 99.91, 1000),
        (range(1, 4), 50, 2),
        (range(1, 5), 50, 2),
        (range(1, 101), 100 * 0.07, 7),
        (range(1, 101), 100 * 0.29, 29),
        (range(1, 1001), 0.999 * 100, 999),
        ([7], 0.0001, 7),
        ([7], 100, 7),
        (range(1, 11), 0, 1),
    ],
)
def test_ranks_are_rounded_up_and_float_noise_is_not(values: range, percentile: float, value: int) -> None:
    assert recorded(list(values)).value_at_percentile(percentile) == value


@given(st.integers(1, 10**9), st.integers(0, 10**6))
@example(1000, 999_000)
def test_the_rank_is_the_ceiling_of_the_exact_share(count: int, share: int) -> None:
    exact = Fraction(share * count, 10**6)
    assert ceil_rank(share / 10_000, count) == max(1, -(-exact.numerator // exact.denominator))


def test_nine_nines_of_a_thousand_million_values_leave_one_above() -> None:
    assert ceil_rank(99.9999999, 10**9) == 10**9 - 1


@pytest.mark.parametrize("percentile", [-0.1, 100.1, float("nan"), float("inf"), "50", None])
def test_what_is_no_percentage_is_refused(percentile: float) -> None:
    with pytest.raises(UsageError, match="a percentile must be a number from 0 to 100"):
        recorded([1]).value_at_percentile(percentile)
