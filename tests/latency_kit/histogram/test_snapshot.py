"""Figures of frozen histograms, merging and differences, against exact truth."""

import copy
import math
import pickle
import statistics
from collections.abc import Callable
from itertools import pairwise

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from latency_kit.errors import NoDataError, UsageError
from latency_kit.histogram import (
    DEFAULT_LAYOUT,
    MAX_VALUE_NS,
    Bucket,
    BucketLayout,
    Histogram,
    HistogramSnapshot,
    decode,
    encode,
)

VALUES = st.lists(st.integers(0, 10**13))
SOME_VALUES = st.lists(st.integers(0, 10**13), min_size=1)


def recorded(values: list[int]) -> HistogramSnapshot:
    histogram = Histogram()
    histogram.record_many(values)
    return histogram.snapshot()


@pytest.mark.parametrize(
    "figure",
    [
        lambda snapshot: snapshot.sum_ns,
        lambda snapshot: snapshot.min_ns,
        lambda snapshot: snapshot.max_ns,
        lambda snapshot: snapshot.mean_ns,
        lambda snapshot: snapshot.stddev_ns,
        lambda snapshot: snapshot.value_at_percentile(50),
        lambda snapshot: snapshot.percentiles([50]),
        lambda snapshot: snapshot.percentile_rank(5),
    ],
)
def test_every_figure_of_an_empty_snapshot_raises_no_data(
    figure: Callable[[HistogramSnapshot], object],
) -> None:
    with pytest.raises(NoDataError, match="a histogram without values has no"):
        figure(HistogramSnapshot.empty())


def test_an_empty_snapshot_counts_0_and_has_no_buckets() -> None:
    empty = HistogramSnapshot.empty()
    assert empty.count == 0
    assert empty.is_exact
    assert list(empty.buckets()) == []
    assert empty.count_at_or_below(10**9) == 0
    assert empty == Histogram().snapshot()
    assert repr(empty) == "<HistogramSnapshot of no values>"


def test_a_snapshot_never_changes() -> None:
    histogram = Histogram()
    histogram.record(5)
    snapshot = histogram.snapshot()
    taken = histogram.snapshot_and_reset()
    histogram.record(5)
    histogram.record(10**9)
    assert snapshot == taken == recorded([5])
    for name in ("layout", "count", "sum_ns", "min_ns", "max_ns", "mean_ns", "counters", "is_exact"):
        with pytest.raises(AttributeError):
            setattr(snapshot, name, 1)
    with pytest.raises(AttributeError):
        snapshot.note = "more"


@given(SOME_VALUES)
def test_the_mean_is_exact(values: list[int]) -> None:
    assert recorded(values).mean_ns == statistics.fmean(values) or math.isclose(
        recorded(values).mean_ns, sum(values) / len(values), rel_tol=1e-15
    )


@given(st.lists(st.integers(0, 2047), min_size=1))
def test_the_standard_deviation_of_values_below_2048_is_that_of_the_population(values: list[int]) -> None:
    assert recorded(values).stddev_ns == pytest.approx(statistics.pstdev(values), rel=1e-12, abs=1e-9)


def test_the_standard_deviation_of_a_distribution_is_right_to_the_width_of_a_bucket(
    distribution: Callable[[int], list[int]],
) -> None:
    values = distribution(3)
    assert recorded(values).stddev_ns == pytest.approx(statistics.pstdev(values), rel=2e-3)


def test_the_standard_deviation_of_equal_values_is_0() -> None:
    assert recorded([3_600_000_000_001] * 1000).stddev_ns == 0


@given(SOME_VALUES, st.integers(0, 2 * 10**13))
def test_counts_and_ranks_include_the_bucket_of_the_value(values: list[int], limit: int) -> None:
    snapshot = recorded(values)
    truth = sum(value <= DEFAULT_LAYOUT.highest_equivalent(limit) for value in values)
    assert snapshot.count_at_or_below(limit) == truth
    assert snapshot.percentile_rank(limit) == 100 * truth / len(values)


def test_every_value_is_at_or_below_one_beyond_the_largest_that_can_be_recorded() -> None:
    assert recorded([5, MAX_VALUE_NS]).count_at_or_below(10**30) == 2


@pytest.mark.parametrize("value", [-1, 1.5, "5"])
def test_a_count_below_what_is_no_duration_is_refused(value: int) -> None:
    with pytest.raises(UsageError, match="value_ns must be a whole number of nanoseconds from 0"):
        recorded([5]).count_at_or_below(value)


@given(SOME_VALUES)
def test_buckets_ascend_hold_values_and_count_all_of_them(values: list[int]) -> None:
    buckets = list(recorded(values).buckets())
    assert all(first.highest_ns < second.lowest_ns for first, second in pairwise(buckets))
    for bucket in buckets:
        assert bucket.count == sum(bucket.lowest_ns <= value <= bucket.highest_ns for value in values) > 0
    assert sum(bucket.count for bucket in buckets) == len(values)


def test_buckets_are_equal_when_range_and_count_are() -> None:
    bucket = Bucket(lowest_ns=4, highest_ns=5, count=6)
    assert bucket == Bucket(lowest_ns=4, highest_ns=5, count=6)
    assert hash(bucket) == hash(Bucket(lowest_ns=4, highest_ns=5, count=6))
    assert bucket != Bucket(lowest_ns=4, highest_ns=5, count=7)
    assert bucket != "bucket"
    assert repr(bucket) == "Bucket(lowest_ns=4, highest_ns=5, count=6)"


def test_percentile_0_is_the_lowest_value_of_the_first_bucket() -> None:
    assert recorded([5001, 9000]).value_at_percentile(0) == 5000
    assert recorded([5001, 9000]).value_at_percentile(0.1) == 5003


def test_percentiles_come_in_the_order_given() -> None:
    snapshot = recorded(list(range(1, 101)))
    assert list(snapshot.percentiles([99, 50, 90.5]).items()) == [(99, 99), (50, 50), (90.5, 91)]


@given(VALUES, VALUES, VALUES)
def test_merging_counts_as_recording_all_values_in_one(a: list[int], b: list[int], c: list[int]) -> None:
    together = recorded(a + b + c)
    assert recorded(a).merge(recorded(b), recorded(c)) == together
    assert recorded(c) + recorded(a) + recorded(b) == together


def test_snapshots_of_different_layouts_are_neither_merged_nor_subtracted() -> None:
    other = HistogramSnapshot.empty(BucketLayout(2))
    for attempt in (recorded([5]).merge, recorded([5]).minus):
        with pytest.raises(UsageError, match="use one layout"):
            attempt(other)
    with pytest.raises(TypeError):
        recorded([5]) + 5


@given(VALUES, VALUES)
def test_the_difference_of_cumulative_snapshots_is_what_came_between(
    before: list[int], between: list[int]
) -> None:
    difference = recorded(before + between).minus(recorded(before))
    truth = recorded(between)
    assert difference.has_same_counts(truth)
    assert difference.count == truth.count
    if between:
        assert difference.sum_ns == truth.sum_ns
        assert DEFAULT_LAYOUT.lowest_equivalent(truth.min_ns) <= difference.min_ns <= truth.min_ns
        assert truth.max_ns <= difference.max_ns <= DEFAULT_LAYOUT.highest_equivalent(truth.max_ns)
    assert difference.is_exact == (not before or not between)


def test_min_and_max_of_a_difference_stay_within_those_of_the_whole() -> None:
    difference = recorded([5001, 7000, 9001]).minus(recorded([7000]))
    assert (difference.min_ns, difference.max_ns) == (5001, 9001)


def test_snapshots_are_equal_when_layout_counts_sum_min_and_max_are() -> None:
    assert recorded([5000, 5001]) == recorded([5001, 5000])
    assert hash(recorded([5000])) == hash(recorded([5000]))
    assert recorded([5000]) != recorded([5001])
    assert recorded([5000]).has_same_counts(recorded([5001]))
    assert not recorded([5000]).has_same_counts(recorded([5004]))
    assert HistogramSnapshot.empty() != HistogramSnapshot.empty(BucketLayout(2))
    assert recorded([5]) != 5
    assert repr(recorded([5, 7])) == "<HistogramSnapshot of 2 values from 5 to 7 ns>"


@given(VALUES)
def test_snapshots_travel_exactly_by_pickle_and_copy(values: list[int]) -> None:
    snapshot = recorded(values)
    unpickled = pickle.loads(pickle.dumps(snapshot))  # noqa: S301  # what this very line has pickled
    assert unpickled == copy.deepcopy(snapshot) == snapshot


def test_exact_figures_carried_beside_an_encoding_restore_the_snapshot(
    distribution: Callable[[int], list[int]],
) -> None:
    original = recorded(distribution(5))
    decoded = decode(encode(original))
    restored = decoded.with_exact_figures(
        sum_ns=original.sum_ns, min_ns=original.min_ns, max_ns=original.max_ns
    )
    assert restored.is_exact
    assert restored == original


@pytest.mark.parametrize("wrong", ["sum_ns", "min_ns", "max_ns"])
@pytest.mark.parametrize("value", [0, 10**9, 2.5])
def test_exact_figures_of_other_values_are_refused(wrong: str, value: int) -> None:
    figures = {"sum_ns": 5001 + 9000, "min_ns": 5001, "max_ns": 9000, wrong: value}
    with pytest.raises(UsageError, match=f"{wrong}={value} is not of these values: it must be from"):
        decode(encode(recorded([5001, 9000]))).with_exact_figures(**figures)


def test_an_empty_snapshot_takes_no_exact_figures() -> None:
    with pytest.raises(UsageError, match="has no sum, minimum or maximum"):
        HistogramSnapshot.empty().with_exact_figures(sum_ns=0, min_ns=0, max_ns=0)


def test_figures_agree_with_the_hdrhistogram_package_where_that_is_right(
    log_normal_values: list[int],
) -> None:
    peer = HdrHistogram(1, 3600 * 10**9, 3)
    for value in log_normal_values:
        peer.record_value(value)
    snapshot = recorded(log_normal_values)
    assert snapshot.stddev_ns == pytest.approx(peer.get_stddev(), rel=1e-6)
    # 1000 values: these percentiles fall on whole ranks, where the port's rounding of the rank does no harm.
    for percentile in (10, 50, 90, 99, 99.9):
        assert snapshot.value_at_percentile(percentile) == peer.get_value_at_percentile(percentile)
