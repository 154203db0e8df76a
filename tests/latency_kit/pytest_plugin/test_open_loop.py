"""In an open loop a call counts from its intended start, so that nothing the callee delays is omitted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import pytest

from latency_kit.errors import UsageError
from latency_kit.pytest_plugin.plan import LatencyPlan
from latency_kit.pytest_plugin.timing import Schedule, Timing
from latency_kit.testing import FakeClock

MS = 1_000_000


def at_rate(rate: float, samples: int) -> LatencyPlan:
    return LatencyPlan(samples=samples, max_samples=samples, warmup=0, rate=rate)


def test_a_callee_that_keeps_up_is_measured_as_in_a_closed_loop(
    harness: Any, clock: FakeClock, wait: Callable[[float], None]
) -> None:
    start_ns = clock.monotonic_ns()
    result = harness.latency(at_rate(100, 10))(wait, 4)
    assert result.durations_ns == (4 * MS,) * 10
    assert clock.monotonic_ns() - start_ns == 94 * MS
    assert result.rate == 100


def test_a_pause_delays_the_calls_after_it_and_their_wait_counts(harness: Any, clock: FakeClock) -> None:
    """One call of 35 ms at 10 ms between calls: those meant for 10, 20 and 30 ms start at 35, 36 and 37."""
    durations = iter([35, 1, 1, 1, 1, 1])
    result = harness.latency(at_rate(100, 6))(lambda: clock.advance(ms=next(durations)))
    assert [value // MS for value in result.durations_ns] == [35, 26, 17, 8, 1, 1]


def test_an_overloaded_callee_falls_behind_further_with_each_call(
    harness: Any, wait: Callable[[float], None]
) -> None:
    result = harness.latency(at_rate(100, 5))(wait, 15)
    assert [value // MS for value in result.durations_ns] == [15, 20, 25, 30, 35]


def test_the_backlog_is_kept_from_one_look_to_the_next(harness: Any, wait: Callable[[float], None]) -> None:
    schedule = Schedule(harness.timing, rate=100)
    due = []
    for _ in range(4):
        due.append(schedule.wait())
        wait(15)
    assert [later - due[0] for later in due] == [0, 10 * MS, 20 * MS, 30 * MS]


def test_coroutines_run_beside_each_other_and_each_counts_from_its_intended_start(
    harness: Any, timing: Timing, clock: FakeClock
) -> None:
    starts = []

    async def slow() -> None:
        starts.append(clock.monotonic_ns())
        until_ns = clock.monotonic_ns() + 25 * MS
        while clock.monotonic_ns() < until_ns:
            await timing.sleep_on_the_loop(MS)

    result = harness.latency(at_rate(100, 4))(slow)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    # Each is started although those before it still run.
    assert all(gap < 25 * MS for gap in gaps)
    assert all(25 * MS <= value < 60 * MS for value in result.durations_ns)


def test_a_coroutine_that_blocks_the_loop_delays_the_sender_and_that_counts(
    harness: Any, clock: FakeClock
) -> None:
    durations = iter([35, 1, 1, 1, 1])

    async def blocking() -> None:
        clock.advance(ms=next(durations))

    result = harness.latency(at_rate(100, 5))(blocking)
    total_ms = sum(result.durations_ns) // MS
    # A closed loop would see 39 ms in all; those kept waiting add 25 + 15 + 5 at the least.
    assert total_ms >= 39 + 45 - 3


def test_the_first_item_of_a_stream_counts_from_the_intended_start(harness: Any, clock: FakeClock) -> None:
    durations = iter([15, 1])

    def tokens() -> Any:
        clock.advance(ms=next(durations))
        yield 1

    harness.latency(at_rate(100, 2))(tokens)
    assert [value // MS for value in harness.results[1].durations_ns] == [15, 6]


def test_when_one_call_raises_the_others_are_cancelled_and_its_exception_is_raised(
    harness: Any, timing: Timing
) -> None:
    cancelled = []
    count = iter(range(100))

    async def work() -> None:
        number = next(count)
        try:
            for _ in range(30):
                await timing.sleep_on_the_loop(MS)
                if number == 1:
                    raise ZeroDivisionError
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    with pytest.raises(ZeroDivisionError):
        harness.latency(at_rate(1000, 3))(work)
    assert 1 not in cancelled
    assert harness.results == []


def test_samples_are_in_the_order_of_sending_not_of_ending(harness: Any, timing: Timing) -> None:
    lengths = iter([30, 1, 1])

    async def work() -> AsyncIterator[int]:
        for _ in range(next(lengths)):
            await timing.sleep_on_the_loop(MS)
        yield 1

    result = harness.latency(at_rate(1000, 3))(work)
    assert result.durations_ns[0] == max(result.durations_ns)


@pytest.mark.parametrize("rate", [0, -1, 2e9, float("nan")])
def test_a_rate_that_is_none_is_refused(timing: Timing, rate: float) -> None:
    with pytest.raises(UsageError, match="rate must be a number of calls a second"):
        Schedule(timing, rate=rate)


def test_intended_times_do_not_drift_by_rounding(timing: Timing) -> None:
    schedule = Schedule(timing, rate=3)
    first = schedule.wait()
    for _ in range(299):
        last = schedule.wait()
    assert last - first == round(299 * 1e9 / 3)


def test_on_the_real_clock_calls_start_within_a_millisecond_of_their_time() -> None:
    """Those that nothing else held up; none before it."""
    schedule = Schedule(Timing(), rate=500)
    now = Timing().clock.monotonic_ns
    late = sorted(-schedule.wait() + now() for _ in range(50))
    assert late[0] >= 0
    assert late[5] < MS
