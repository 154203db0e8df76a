"""Recording: exact sums, no clamping, all-or-nothing batches, coordinated omission, memory."""

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latency_kit.errors import UsageError
from latency_kit.histogram import DEFAULT_LAYOUT, MAX_VALUE_NS, BucketLayout, Histogram
from latency_kit.histogram.counters import MAX_COUNT

EDGES = [0, 1, 1023, 1024, 2047, 2048, 2**32, 2**53 - 1, 2**53, 2**53 + 1, 2**54 - 1, MAX_VALUE_NS]
ANY_VALUE = st.one_of(st.integers(0, MAX_VALUE_NS), st.integers(0, 10**7), st.sampled_from(EDGES))


def one_by_one(values: list[int], layout: BucketLayout = DEFAULT_LAYOUT) -> Histogram:
    histogram = Histogram(layout)
    for value in values:
        histogram.record(value)
    return histogram


@given(st.lists(ANY_VALUE, min_size=1))
def test_count_sum_min_and_max_are_exact(values: list[int]) -> None:
    snapshot = one_by_one(values).snapshot()
    assert snapshot.is_exact
    assert snapshot.count == len(values)
    assert (snapshot.sum_ns, snapshot.min_ns, snapshot.max_ns) == (sum(values), min(values), max(values))


@given(st.lists(ANY_VALUE))
def test_every_value_is_in_the_bucket_of_its_index_and_in_no_other(values: list[int]) -> None:
    counters = one_by_one(values).snapshot().counters
    indices = [DEFAULT_LAYOUT.index_of(value) for value in values]
    assert dict(counters.items()) == {index: indices.count(index) for index in sorted(set(indices))}


@settings(deadline=None)
@given(
    st.lists(ANY_VALUE, max_size=100),
    st.integers(1, 60),
    st.sampled_from([DEFAULT_LAYOUT, BucketLayout(2), BucketLayout(4, 1000)]),
)
def test_a_batch_counts_as_its_values_one_by_one(values: list[int], times: int, layout: BucketLayout) -> None:
    histogram = Histogram(layout)
    # Repeated so that batches beyond the size of a chunk and the fewest of the fast path occur.
    histogram.record_many(values * times)
    assert histogram.snapshot() == one_by_one(values * times, layout).snapshot()


def test_a_batch_of_a_distribution_counts_as_its_values_one_by_one(
    distribution: Callable[[int], list[int]],
) -> None:
    values = [value for seed in range(10) for value in distribution(seed)]
    histogram = Histogram()
    histogram.record_many(iter(values))
    assert histogram.snapshot() == one_by_one(values).snapshot()


@pytest.mark.parametrize("value", EDGES)
def test_a_batch_of_values_at_an_edge_is_counted_where_the_layout_says(value: int) -> None:
    histogram = Histogram()
    histogram.record_many([value] * 50)
    assert dict(histogram.snapshot().counters.items()) == {DEFAULT_LAYOUT.index_of(value): 50}


def test_an_empty_batch_changes_nothing() -> None:
    histogram = Histogram()
    histogram.record_many([])
    assert histogram.count == 0


def test_a_value_is_recorded_as_often_as_asked() -> None:
    histogram = Histogram()
    histogram.record(10, count=1000)
    histogram.record(20)
    assert histogram.count == 1001
    assert histogram.snapshot().sum_ns == 10_020


def test_whole_numbers_of_other_types_count_as_int() -> None:
    class Whole:
        def __index__(self) -> int:
            return 5

    histogram = Histogram()
    histogram.record(Whole())
    assert type(histogram.snapshot().sum_ns) is int
    assert histogram.snapshot().sum_ns == 5


@pytest.mark.parametrize("value", [-1, MAX_VALUE_NS + 1, 1.5, 3.0, "5", None])
def test_a_value_that_is_no_duration_is_refused_and_leaves_the_histogram_as_it_was(value: int) -> None:
    histogram = one_by_one([5, 7])
    before = histogram.snapshot()
    for attempt in (
        lambda: histogram.record(value),
        lambda: histogram.record_many([1, 2, value, 3]),
        lambda: histogram.record_many([*range(100), value]),
        lambda: histogram.record_corrected(value, 10),
        lambda: histogram.record_corrected(10, value),
    ):
        with pytest.raises(UsageError, match="a value must be"):
            attempt()
        assert histogram.snapshot() == before


def test_what_cannot_be_iterated_is_refused() -> None:
    with pytest.raises(UsageError, match="values must be an iterable of whole nanoseconds, got 5"):
        Histogram().record_many(5)


@pytest.mark.parametrize("count", [0, -1, 1.0, MAX_COUNT + 1])
def test_a_count_that_is_none_is_refused(count: int) -> None:
    with pytest.raises(UsageError, match=r"count must be|at most 2\*\*63 - 1 values"):
        Histogram().record(5, count=count)


def test_a_full_histogram_refuses_more_and_stays_as_it_was() -> None:
    histogram = Histogram()
    histogram.record(5, count=MAX_COUNT)
    before = histogram.snapshot()
    one = one_by_one([1])
    for attempt in (
        lambda: histogram.record(1),
        lambda: histogram.record_many([1]),
        lambda: histogram.record_corrected(30, 10),
        lambda: histogram.add(one),
        lambda: before.merge(one.snapshot()),
    ):
        with pytest.raises(UsageError, match=r"at most 2\*\*63 - 1 values"):
            attempt()
        assert histogram.snapshot() == before


def test_a_value_of_35_at_an_interval_of_10_adds_25_and_15_but_not_5() -> None:
    histogram = Histogram()
    histogram.record_corrected(35, 10)
    assert [(b.lowest_ns, b.count) for b in histogram.snapshot().buckets()] == [(15, 1), (25, 1), (35, 1)]
    assert histogram.snapshot().sum_ns == 75


def test_correction_adds_none_below_the_interval_where_a_bucket_is_wider_than_it() -> None:
    histogram = Histogram(BucketLayout(3, 1024))
    histogram.record_corrected(35, 10)
    snapshot = histogram.snapshot()
    assert [bucket.count for bucket in snapshot.buckets()] == [3]
    assert (snapshot.count, snapshot.sum_ns, snapshot.min_ns, snapshot.max_ns) == (3, 75, 15, 35)


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(10**5, 10**9))
def test_correction_counts_as_javas_loop_over_missed_values(value: int, interval: int) -> None:
    histogram = Histogram()
    histogram.record_corrected(value, interval)
    expected = [value]
    missed = value - interval
    while missed >= interval:
        expected.append(missed)
        missed -= interval
    assert histogram.snapshot() == one_by_one(expected).snapshot()


def test_correction_of_an_hour_at_a_nanosecond_ends_at_once_and_counts_every_missed_value() -> None:
    hour_ns = 3600 * 10**9
    histogram = Histogram()
    histogram.record_corrected(hour_ns, 1)
    snapshot = histogram.snapshot()
    assert snapshot.count == hour_ns
    assert snapshot.sum_ns == hour_ns * (hour_ns + 1) // 2
    assert (snapshot.min_ns, snapshot.max_ns) == (1, hour_ns)
    assert sum(bucket.count for bucket in snapshot.buckets()) == hour_ns


def test_an_expected_interval_of_0_corrects_nothing() -> None:
    histogram = Histogram()
    histogram.record_corrected(35, 0)
    assert histogram.count == 1


@given(st.lists(ANY_VALUE), st.lists(ANY_VALUE))
def test_adding_counts_as_recording_the_other_values_too(mine: list[int], theirs: list[int]) -> None:
    expected = one_by_one(mine + theirs).snapshot()
    from_histogram, from_snapshot = one_by_one(mine), one_by_one(mine)
    from_histogram.add(one_by_one(theirs))
    from_snapshot.add(one_by_one(theirs).snapshot())
    assert from_histogram.snapshot() == from_snapshot.snapshot() == expected


def test_a_histogram_can_be_added_to_itself() -> None:
    histogram = one_by_one([5, 7])
    histogram.add(histogram)
    assert histogram.snapshot() == one_by_one([5, 7, 5, 7]).snapshot()


def test_histograms_of_different_layouts_are_not_added() -> None:
    with pytest.raises(UsageError, match="use one layout"):
        Histogram().add(one_by_one([5], BucketLayout(2)))


def test_reset_forgets_all_values() -> None:
    histogram = one_by_one([5, 7])
    histogram.reset()
    assert histogram.count == 0
    assert histogram.snapshot() == Histogram().snapshot()
    histogram.record(9)
    assert histogram.snapshot().min_ns == 9


def test_snapshot_and_reset_gives_what_was_recorded_and_forgets_it() -> None:
    histogram = one_by_one([5, 7])
    assert histogram.snapshot_and_reset() == one_by_one([5, 7]).snapshot()
    assert histogram.count == 0


def bytes_of(make: Callable[[], Histogram]) -> int:
    """Return the memory that stays allocated for what `make` returns."""
    make()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = make()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept is not None
    return after - before


def test_an_idle_histogram_takes_less_than_1_kib() -> None:
    assert bytes_of(Histogram) < 1024
    assert bytes_of(lambda: one_by_one([123])) < 1024


def test_a_typical_series_takes_less_than_16_kib(log_normal_values: list[int]) -> None:
    assert bytes_of(lambda: one_by_one(log_normal_values)) < 16 * 1024


def test_memory_is_bounded_whatever_is_recorded() -> None:
    def fullest() -> Histogram:
        histogram = Histogram()
        for index in range(DEFAULT_LAYOUT.index_limit):
            histogram.record(DEFAULT_LAYOUT.lowest_at(index), count=2**33)
        return histogram

    assert bytes_of(fullest) < 512 * 1024
