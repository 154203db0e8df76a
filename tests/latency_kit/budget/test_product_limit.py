"""Percentiles of calls of which some were given up, against the estimate's definition in exact fractions."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_kit import NoDataError, UsageError
from latency_kit.budget.product_limit import product_limit_percentile
from latency_kit.histogram import Histogram, HistogramSnapshot

MS = 1_000_000


def histogram(values_ns: list[int]) -> HistogramSnapshot:
    recorded = Histogram()
    recorded.record_many(values_ns)
    return recorded.snapshot()


def by_definition(done: list[int], given_up: list[int], percentile: int) -> float:
    """Return the product-limit percentile, in fractions, value by value."""
    not_done = Fraction(1)
    for value in sorted(set(done)):
        running = sum(one >= value for one in done) + sum(one >= value for one in given_up)
        not_done *= 1 - Fraction(done.count(value), running)
        if not_done <= 1 - Fraction(percentile, 100):
            return value
    return math.inf


# Below 2048 each value has a bucket of its own, so that nothing is rounded.
durations = st.lists(st.integers(1, 2000), max_size=60)


@given(done=durations, given_up=durations, percentile=st.integers(1, 100))
def test_it_is_the_estimate_of_kaplan_and_meier(
    done: list[int], given_up: list[int], percentile: int
) -> None:
    if not done and not given_up:
        return
    if not given_up:
        return  # the histogram's own percentile, tested next
    found = product_limit_percentile(histogram(done), histogram(given_up), percentile)
    assert found == by_definition(done, given_up, percentile)


@given(done=st.lists(st.integers(1, 10**12), min_size=1), percentile=st.floats(0.1, 100))
def test_where_every_call_was_done_it_is_the_percentile_of_the_histogram(
    done: list[int], percentile: float
) -> None:
    recorded = histogram(done)
    found = product_limit_percentile(recorded, HistogramSnapshot.empty(), percentile)
    assert found == recorded.value_at_percentile(percentile)


def test_calls_given_up_early_do_not_make_the_others_look_faster() -> None:
    done, given_up = histogram([100] * 10), histogram([100] * 90)
    assert product_limit_percentile(done, given_up, 10) == 100
    assert product_limit_percentile(done, given_up, 11) == math.inf


def test_calls_given_up_before_anything_was_done_say_nothing() -> None:
    done, given_up = histogram([50] * 19 + [90]), histogram([10] * 1000)
    assert product_limit_percentile(done, given_up, 95) == 50


def test_nothing_recorded_and_no_percentile_are_refused() -> None:
    with pytest.raises(NoDataError):
        product_limit_percentile(HistogramSnapshot.empty(), HistogramSnapshot.empty(), 95)
    with pytest.raises(UsageError, match="percentile"):
        product_limit_percentile(histogram([1]), HistogramSnapshot.empty(), 0)
