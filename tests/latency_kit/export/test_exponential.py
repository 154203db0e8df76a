"""HDR buckets as exponential buckets: what crosses unchanged, and how far off a percentile can be."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from latency_kit.export.exponential import (
    FINEST_SCALE,
    MOST_BUCKETS,
    bucket_index,
    exponential_buckets,
    relative_error,
)

HOUR_NS = 3_600_000_000_000
SCALES = st.integers(min_value=0, max_value=12)


def exact(values: list[int]) -> list[tuple[int, int, int]]:
    """Source buckets of one value each."""
    return [(value, value, values.count(value)) for value in sorted(set(values))]


@given(st.floats(min_value=1e-9, max_value=3600), SCALES)
@example(1.0, 7)
@example(0.5, 7)
@example(2.0, 0)
@example(1.0 + 2**-52, 7)
@example(1.0 - 2**-53, 7)
def test_a_value_lies_in_its_bucket(value: float, scale: int) -> None:
    index = bucket_index(value, scale)
    base_log2 = 2.0**-scale
    # A logarithm's last bit is worth this much, far below any bucket's width.
    assert index * base_log2 - 1e-13 <= math.log2(value) <= (index + 1) * base_log2 + 1e-13


@given(st.integers(min_value=-30, max_value=12), SCALES)
def test_powers_of_two_are_the_upper_ends_of_their_buckets_exactly(power: int, scale: int) -> None:
    assert bucket_index(2.0**power, scale) == power * 2**scale - 1


@given(st.lists(st.integers(min_value=0, max_value=HOUR_NS), max_size=60))
def test_no_value_is_lost_and_zeros_are_counted_apart(values: list[int]) -> None:
    converted = exponential_buckets(exact(values))
    assert converted.zero_count == values.count(0)
    assert converted.zero_count + sum(converted.counts) == len(values)


@given(st.lists(st.integers(min_value=1, max_value=HOUR_NS), min_size=1, max_size=60), st.integers(2, 300))
def test_there_are_at_most_as_many_buckets_as_asked_for_and_none_empty_at_the_ends(
    values: list[int], most: int
) -> None:
    converted = exponential_buckets(exact(values), most_buckets=most)
    assert 1 <= len(converted.counts) <= most
    assert converted.counts[0]
    assert converted.counts[-1]


@given(st.lists(st.integers(min_value=1, max_value=HOUR_NS), min_size=1, max_size=60), st.integers(2, 300))
def test_a_coarser_scale_holds_the_same_values_in_the_buckets_of_that_scale(
    values: list[int], most: int
) -> None:
    converted = exponential_buckets(exact(values), most_buckets=most)
    by_index: dict[int, int] = {}
    for value in values:
        index = bucket_index(value / 1e9, FINEST_SCALE) >> (FINEST_SCALE - converted.scale)
        by_index[index] = by_index.get(index, 0) + 1
    received = {converted.offset + n: count for n, count in enumerate(converted.counts) if count}
    assert received == by_index


@given(st.lists(st.integers(min_value=1, max_value=HOUR_NS), min_size=1, max_size=60))
def test_every_order_statistic_is_found_within_the_error_bound(values: list[int]) -> None:
    converted = exponential_buckets(exact(values))
    base = 2.0**2.0**-converted.scale
    estimates: list[float] = []
    for number, count in enumerate(converted.counts):
        low = base ** (converted.offset + number)
        estimates += [2 * low * base / (1 + base)] * count
    for estimate, value in zip(estimates, sorted(values), strict=True):
        assert estimate == pytest.approx(value / 1e9, rel=relative_error(converted.scale) + 1e-9)


def test_the_finest_scale_serves_a_million_to_one_and_the_next_one_forty_octaves() -> None:
    assert exponential_buckets(exact([1000, 1000 * 2**19])).scale == FINEST_SCALE
    assert exponential_buckets(exact([1, 2**39])).scale == FINEST_SCALE - 1
    assert len(exponential_buckets(exact([1, HOUR_NS])).counts) <= MOST_BUCKETS


def test_relative_error_is_that_of_the_specification() -> None:
    assert relative_error(0) == pytest.approx(1 / 3)
    assert relative_error(7) == pytest.approx(0.002708, abs=1e-6)
    assert relative_error(6) == pytest.approx(0.005415, abs=1e-6)


def test_a_bucket_counts_at_its_middle_but_never_beyond_the_known_extremes() -> None:
    beyond = exponential_buckets([(1_000_000, 3_000_000, 5)], lowest_ns=2_500_000, highest_ns=2_600_000)
    assert beyond.offset == bucket_index(0.0025, FINEST_SCALE)
    beyond = exponential_buckets([(1_000_000, 3_000_000, 5)], lowest_ns=1_000_000, highest_ns=1_100_000)
    assert beyond.offset == bucket_index(0.0011, FINEST_SCALE)


def test_no_values_make_no_buckets() -> None:
    converted = exponential_buckets([(5, 5, 0)])
    assert (converted.zero_count, converted.counts) == (0, ())
