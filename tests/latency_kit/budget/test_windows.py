"""Rolling windows hold exactly what their intervals hold, against raw values by brute force."""

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latency_kit.budget.count_window import CountWindow
from latency_kit.budget.counting import Call, CallCounts
from latency_kit.budget.histogram_window import HistogramWindow
from latency_kit.budget.model import FailureRule
from latency_kit.budget.window_length import window_mistake, window_ns, window_text
from latency_kit.errors import UsageError
from latency_kit.histogram import Histogram

S = 1_000_000_000

MOMENTS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 10**9)), min_size=1, max_size=60)


@given(MOMENTS, st.integers(1, 2000))
@settings(max_examples=200, deadline=None)
def test_a_count_window_holds_what_ended_since_the_interval_in_which_it_begins(
    events: list[tuple[int, int]], length: int
) -> None:
    window = CountWindow(length, intervals=10)
    interval = -(-length // 10)
    told = []
    newest = 0
    for at, size in events:
        newest = max(newest, at)
        bad = size % 2
        window.add(at, 1, bad)
        told.append((at, bad))
        begin = newest // interval * interval - -(-length // interval) * interval
        inside = [bad for moment, bad in told if moment >= begin]
        assert (window.events, window.bad) == (len(inside), sum(inside))
        oldest = min(moment for moment, _ in told if moment >= begin)
        assert window.next_expiry_ns() == window.expiry_of(oldest)


@pytest.mark.parametrize("length", [window_ns(text) for text in ("5m", "1h", "6h", "3d", "30d")])
def test_a_window_is_never_shorter_than_asked_for_and_longer_by_less_than_an_interval(length: int) -> None:
    window = CountWindow(length)
    for late in (0, 1, window.interval_ns - 1):
        window.add(1000 * window.interval_ns, 1, 0)
        at = 1000 * window.interval_ns + late
        stays_until = window.expiry_of(at)
        assert length < stays_until - at <= length + window.interval_ns
    window.advance(window.expiry_of(1000 * window.interval_ns) - 1)
    assert window.events == 3
    window.advance(window.expiry_of(1000 * window.interval_ns))
    assert window.events == 0
    assert window.next_expiry_ns() is None


@given(MOMENTS, st.integers(1, 2000))
@settings(max_examples=100, deadline=None)
def test_a_histogram_window_equals_one_histogram_of_the_values_in_it(
    events: list[tuple[int, int]], length: int
) -> None:
    window = HistogramWindow(length, intervals=6)
    interval = -(-length // 6)
    told: list[tuple[int, int]] = []
    newest = 0
    for at, value in events:
        newest = max(newest, at)
        window.add(at, [value])
        told.append((at, value))
    begin = newest // interval * interval - -(-length // interval) * interval
    truth = Histogram()
    truth.record_many([value for at, value in told if at >= begin])
    assert window.snapshot() == truth.snapshot()
    again = HistogramWindow(length, intervals=6)
    for index, kept in window.intervals():
        again.restore(index, kept)
    assert again.snapshot() == truth.snapshot()
    window.advance(newest + 2 * length + 2 * interval)
    assert window.snapshot().count == 0


def test_calls_that_end_in_different_intervals_of_any_window_are_counted_apart() -> None:
    calls = [Call(at * S // 10, at, is_ok=at % 7 != 0) for at in range(3000)]
    together = CallCounts(1500, FailureRule.OVER_LIMIT, [60 * S, 77 * S])
    together.add(calls)
    for length, window in together.windows.items():
        begin = calls[-1].at_ns // window.interval_ns * window.interval_ns - 120 * window.interval_ns
        slots = -(-length // window.interval_ns)
        begin = (calls[-1].at_ns // window.interval_ns - slots) * window.interval_ns
        inside = [call for call in calls if call.at_ns >= begin]
        assert window.events == len(inside)
        assert window.bad == sum(call.duration_ns > 1500 or not call.is_ok for call in inside)
    by_duration = CallCounts(1500, FailureRule.BY_DURATION, [1000 * S])
    by_duration.add(calls)
    assert by_duration.windows[1000 * S].bad == 3000 - 1501


def test_memory_of_a_window_is_bounded_whatever_is_recorded() -> None:
    def bytes_of(build: type[CountWindow] | type[HistogramWindow], rounds: int) -> int:
        tracemalloc.start()
        window = build(3600 * S)
        for at in range(rounds):
            if isinstance(window, CountWindow):
                window.add(at * S, 100, 1)
            else:
                window.add(at * S, [1_000_000 * (1 + (at * 7919 + n) % 1000) for n in range(10)])
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return size

    assert bytes_of(CountWindow, 10_000) < 4_000
    small, large = bytes_of(HistogramWindow, 4_000), bytes_of(HistogramWindow, 9_000)
    assert large < 200_000
    assert large < 1.2 * small


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("1s", S), ("90s", 90 * S), ("1.5h", 5400 * S), ("30d", 30 * 86400 * S), ("2w", 14 * 86400 * S)],
)
def test_windows_are_written_with_a_unit(text: str, nanoseconds: int) -> None:
    assert window_ns(text) == nanoseconds
    assert window_ns(window_text(nanoseconds)) == nanoseconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5M", "1h30m", "0s", "0.5s", "367d", "5m\n", 5])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^a window must be "):
        window_ns(text)


def test_a_window_in_nanoseconds_is_a_whole_number_within_the_bounds() -> None:
    assert window_mistake(S) is None
    assert window_mistake(1.5) == "must be a whole number of nanoseconds, got 1.5"
    assert window_mistake(S - 1) == "must be from 1s to 366d, got 0.999999999s"
    lengths = [window_ns(text) for text in ("59s", "1m", "90s", "1h", "25h", "1d")]
    assert [window_text(length) for length in lengths] == ["59s", "1m", "90s", "1h", "25h", "1d"]
    assert all(a != b for a, b in pairwise(lengths))
