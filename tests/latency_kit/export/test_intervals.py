"""Interval points: the differences of cumulative ones, with nothing lost and nothing twice."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_kit.export.intervals import (
    Intervals,
    SeriesPoint,
    cumulative_number,
    cumulative_point,
)
from latency_kit.export.series import NumberData, SeriesData
from latency_kit.histogram import Histogram, HistogramSnapshot
from latency_kit.measurement.measurement import Outcome

START = 1000


def point_of(values: list[int], time: int, *, start: int = START, **attributes: str) -> SeriesPoint:
    histogram = Histogram()
    histogram.record_many(values)
    series = SeriesData(
        component="a",
        operation="b",
        outcome=Outcome.OK,
        histogram=histogram.snapshot(),
        start_unix_nano=start,
        attributes=attributes,
    )
    return cumulative_point(series, time)


@given(
    st.lists(
        st.tuples(st.lists(st.integers(min_value=0, max_value=10**12), max_size=5), st.booleans()),
        min_size=1,
        max_size=8,
    )
)
def test_intervals_that_arrived_add_up_to_the_cumulative_values(passes: list[tuple[list[int], bool]]) -> None:
    intervals = Intervals()
    values: list[int] = []
    arrived: list[HistogramSnapshot] = []
    # The last pass always arrives, so that the sum is complete.
    for time, (more, arrives) in enumerate([*passes, ([1], True)], START + 1):
        values += more
        if not values:
            continue
        cumulative = point_of(values, time)
        new = intervals.new_of_series(cumulative)
        if new is not None and arrives:
            intervals.mark_arrived([cumulative])
            arrived.append(new.histogram)

    whole = point_of(values, 0).histogram
    together = arrived[0].merge(*arrived[1:])
    assert together.has_same_counts(whole)
    assert together.sum_ns == whole.sum_ns


def test_an_interval_begins_where_the_one_before_ended() -> None:
    intervals = Intervals()
    first = point_of([5], 2000)
    assert intervals.new_of_series(first) == first
    intervals.mark_arrived([first])
    second = intervals.new_of_series(point_of([5, 7], 3000))
    assert second is not None
    assert (second.start_unix_nano, second.time_unix_nano) == (2000, 3000)


def test_extremes_of_an_interval_are_given_only_where_they_are_known() -> None:
    intervals = Intervals()
    intervals.mark_arrived([point_of([50, 60], 2000)])
    inside = intervals.new_of_series(point_of([50, 60, 55], 3000))
    beyond = intervals.new_of_series(point_of([50, 60, 40, 90], 3000))
    assert inside is not None
    assert beyond is not None
    assert (inside.min_ns, inside.max_ns) == (None, None)
    assert (beyond.min_ns, beyond.max_ns) == (40, 90)


def test_no_new_values_make_no_interval() -> None:
    intervals = Intervals()
    intervals.mark_arrived([point_of([5], 2000)])
    assert intervals.new_of_series(point_of([5], 3000)) is None


def test_series_differ_by_their_attributes() -> None:
    intervals = Intervals()
    intervals.mark_arrived([point_of([5], 2000, model="tiny")])
    other = point_of([5], 3000, model="large")
    assert intervals.new_of_series(other) == other


@pytest.mark.parametrize("begun_anew", [point_of([1, 2], 3000, start=1500), point_of([4], 3000)])
def test_a_series_that_began_anew_gives_all_its_values(begun_anew: SeriesPoint) -> None:
    intervals = Intervals()
    intervals.mark_arrived([point_of([1, 1, 1], 2000)])
    assert intervals.new_of_series(begun_anew) == begun_anew


def test_running_totals_give_their_growth_and_levels_stay() -> None:
    def number(value: int, start: int | None = START) -> NumberData:
        return NumberData(name="n", unit="{x}", description="", value=value, start_unix_nano=start)

    intervals = Intervals()
    first = cumulative_number(number(5), 2000)
    assert intervals.new_of_number(first).value == 5
    intervals.mark_arrived([first])
    grown = intervals.new_of_number(cumulative_number(number(8), 3000))
    assert (grown.value, grown.start_unix_nano) == (3, 2000)
    assert intervals.new_of_number(cumulative_number(number(2), 3000)).value == 2

    level = cumulative_number(number(8, start=None), 2000)
    intervals.mark_arrived([level])
    assert intervals.new_of_number(level).value == 8


def test_a_snapshot_that_knows_no_exact_extremes_gives_none(
    snapshot: Callable[[list[int]], HistogramSnapshot],
) -> None:
    inexact = snapshot([5, 1_000_003]).minus(snapshot([5]))
    series = SeriesData(
        component="a", operation="b", outcome=Outcome.OK, histogram=inexact, start_unix_nano=START
    )
    point = cumulative_point(series, 2000)
    assert (point.min_ns, point.max_ns) == (None, None)
