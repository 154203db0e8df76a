"""A run over time: bounded, however long it is, and no call is lost or counted twice."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from latency_kit.errors import UsageError
from latency_kit.histogram import Histogram
from latency_kit.measurement.measurement import NO_ATTRIBUTES, Outcome
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.measurement.series_intervals import RecordedInterval
from latency_kit.session import SessionInterval, TimelineKeeper

S = 10**9


def recorded(
    second: int, series: dict[str, Sequence[int]], outcome: Outcome = Outcome.OK
) -> RecordedInterval:
    """What was recorded in a second, by name."""
    taken = []
    for name, values in series.items():
        histogram = Histogram()
        histogram.record_many(list(values))
        component, _, operation = name.partition(".")
        taken.append(
            SeriesSnapshot(
                component=component,
                operation=operation,
                outcome=outcome,
                attributes=NO_ATTRIBUTES,
                histogram=histogram.snapshot(),
                start_unix_nano=second * S,
                exemplars=(),
            )
        )
    return RecordedInterval(series=tuple(taken), start_unix_nano=second * S, end_unix_nano=(second + 1) * S)


def test_intervals_adjoin_and_hold_every_call_once_however_long_the_run() -> None:
    keeper = TimelineKeeper(most=8)
    for second in range(1000):
        keeper.add(recorded(second, {"a.b": [second + 1]}))
        assert len(keeper.intervals()) <= 8
    found = keeper.intervals()
    assert found[0].start_unix_nano == 0
    assert found[-1].end_unix_nano == 1000 * S
    assert all(one.end_unix_nano == two.start_unix_nano for one, two in pairwise(found))
    assert sum(one.durations["a.b"].count for one in found) == 1000


def test_a_long_run_is_looked_at_less_often() -> None:
    keeper = TimelineKeeper(most=2)
    keeper.add(recorded(0, {}))
    assert not keeper.is_due(1 * S + S // 2)
    assert keeper.is_due(2 * S)
    for second in range(1, 4):
        keeper.add(recorded(second, {}))
    assert not keeper.is_due(5 * S)
    assert keeper.is_due(4 * S + 4 * S)


def test_all_outcomes_of_an_operation_are_taken_together() -> None:
    keeper = TimelineKeeper()
    good, bad = recorded(0, {"a.b": [1]}), recorded(0, {"a.b": [2]}, Outcome.ERROR)
    keeper.add(RecordedInterval(series=(*good.series, *bad.series), start_unix_nano=0, end_unix_nano=S))
    assert keeper.intervals()[0].durations["a.b"].count == 2


def test_operations_beyond_the_bound_are_counted_and_not_kept() -> None:
    keeper = TimelineKeeper(most_series=1)
    keeper.add(recorded(0, {"a.b": [1, 2], "c.d": [1, 2, 3]}))
    keeper.add(recorded(1, {"a.b": [1], "c.d": [4]}))
    assert [set(one.durations) for one in keeper.intervals()] == [{"a.b"}, {"a.b"}]
    assert keeper.left_out == 4


def test_bounds_that_cannot_be_are_refused() -> None:
    for most, most_series in ((0, 1), (3, 1), (2, 0)):
        with pytest.raises(UsageError, match="even number"):
            TimelineKeeper(most=most, most_series=most_series)
    with pytest.raises(UsageError, match="end before it starts"):
        SessionInterval(start_unix_nano=2, end_unix_nano=1)
