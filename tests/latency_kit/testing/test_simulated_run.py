"""asyncio on a fake clock: exact times in no time, the same on every run."""

import asyncio
import time

import pytest

import latency_kit
from latency_kit.testing import FakeClock, capture_measurements, simulated_run


def test_sleeps_take_exactly_their_time_on_the_fake_clock_and_none_on_the_real_one() -> None:
    clock = FakeClock()
    begun_ns = clock.monotonic_ns()

    async def main() -> str:
        await asyncio.gather(*(asyncio.sleep(seconds) for seconds in (3600, 86_400, 1)))
        return "done"

    real_ns = time.perf_counter_ns()
    assert simulated_run(main(), clock) == "done"
    assert time.perf_counter_ns() - real_ns < 10**10
    assert 0 <= clock.monotonic_ns() - begun_ns - 86_400 * 10**9 < 100_000


def test_measurements_and_deadlines_inside_see_the_same_time() -> None:
    clock = FakeClock()

    async def main() -> None:
        with pytest.raises(latency_kit.DeadlineExceededError):
            async with latency_kit.deadline(250, cancel=True), latency_kit.measure_latency("a", "b"):
                await asyncio.sleep(10)

    with capture_measurements(clock=clock) as captured:
        simulated_run(main(), clock)
    (measured,) = captured.measurements
    assert measured.outcome is latency_kit.Outcome.TIMED_OUT
    assert 250.0 <= measured.duration_ms < 250.1


def test_tasks_wake_in_the_order_of_their_timers() -> None:
    order: list[float] = []

    async def wake(after_s: float) -> None:
        await asyncio.sleep(after_s)
        order.append(after_s)

    async def main() -> None:
        await asyncio.gather(*(wake(after_s) for after_s in (0.3, 0.1, 0.2, 0)))

    simulated_run(main(), FakeClock())
    assert order == [0, 0.1, 0.2, 0.3]


def test_a_thread_is_waited_for_where_no_timer_is_set() -> None:
    async def main() -> int:
        return await asyncio.to_thread(lambda: 7)

    assert simulated_run(main(), FakeClock()) == 7
