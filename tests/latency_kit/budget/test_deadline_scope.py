"""What is recorded of a block under a deadline, and what a strict or cancelling one raises."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator

import pytest

import latency_kit
from latency_kit import DeadlineExceededError, Outcome, UsageError, measure_latency
from latency_kit.budget import LatencyBudget
from latency_kit.budget.decisions import DecisionCounts, decisions
from latency_kit.measurement.measurement import AttributeValue
from latency_kit.testing import Capture, FakeClock, capture_measurements


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def captured(clock: FakeClock) -> Iterator[Capture]:
    with capture_measurements(clock=clock) as capture:
        yield capture


def outcomes(captured: Capture, name: str) -> dict[Outcome, int]:
    return {one.outcome: one.histogram.count for one in captured.series if one.name == name}


def test_a_block_in_time_and_one_too_late_stand_in_its_series_under_different_outcomes(
    captured: Capture, clock: FakeClock
) -> None:
    for needed_ms in (10, 100, 101):
        with latency_kit.deadline(100, name="turn"):
            clock.advance(ms=needed_ms)
    assert outcomes(captured, "deadline.turn") == {Outcome.OK: 2, Outcome.TIMED_OUT: 1}


def test_an_ordinary_deadline_never_raises_and_never_changes_an_error(
    captured: Capture, clock: FakeClock
) -> None:
    with latency_kit.deadline(1):
        clock.advance(ms=50)
    with pytest.raises(KeyError), latency_kit.deadline(1, strict=True):
        _fail_late(clock)
    assert outcomes(captured, "deadline.block") == {Outcome.TIMED_OUT: 1, Outcome.ERROR: 1}


def _fail_late(clock: FakeClock) -> None:
    clock.advance(ms=50)
    raise KeyError


def test_a_strict_deadline_raises_at_the_end_of_a_late_block_only(
    captured: Capture, clock: FakeClock
) -> None:
    with latency_kit.deadline(10, strict=True):
        clock.advance(ms=10)
    with pytest.raises(DeadlineExceededError) as caught, latency_kit.deadline(10, strict=True, name="turn"):
        clock.advance(ms=12)
    assert (caught.value.deadline, caught.value.overrun_ns) == ("turn", 2_000_000)


def test_a_budget_gives_limit_name_and_strictness(
    captured: Capture, clock: FakeClock, budget: Callable[..., LatencyBudget]
) -> None:
    with latency_kit.deadline(budget("answer", 3000, strict=True)) as deadline:
        assert (deadline.name, deadline.remaining_ms(), deadline.strict) == ("answer", 3000.0, True)
    with pytest.raises(DeadlineExceededError), latency_kit.deadline(budget("answer", 3000, strict=True)):
        clock.advance(ms=3001)
    with latency_kit.deadline(budget("answer", 3000, strict=True), strict=False):
        clock.advance(ms=3001)
    assert outcomes(captured, "deadline.answer") == {Outcome.OK: 1, Outcome.TIMED_OUT: 2}


def test_the_end_of_a_late_block_is_an_event_on_the_span_around_it(clock: FakeClock) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra otlp")
    from opentelemetry import trace  # noqa: PLC0415  # after the check that the SDK is there

    provider = sdk.TracerProvider()
    with capture_measurements(clock=clock):
        span = provider.get_tracer("test").start_span("turn")
        with trace.use_span(span):
            with latency_kit.deadline(10, name="in_time"):
                clock.advance(ms=10)
            with latency_kit.deadline(10, name="turn"):
                clock.advance(ms=12)
    (event,) = span.events
    assert event.name == "deadline.exceeded"
    assert dict(event.attributes) == {
        "latency.deadline": "turn",
        "latency.deadline.overrun_ms": 2.0,
        "latency.outcome": "timed_out",
    }
    assert span.attributes["latency.deadline.exceeded"] == "turn"


def test_cancelling_needs_a_task_and_says_so() -> None:
    with pytest.raises(UsageError, match="async with"), latency_kit.deadline(1, cancel=True):
        pytest.fail("the block must not run")


def test_a_block_in_force_cannot_be_entered_again() -> None:
    block = latency_kit.deadline(1)
    with block, pytest.raises(UsageError, match="already in force"), block:
        pytest.fail("the block must not run")
    with block as deadline:
        assert deadline.name == "block"


def test_a_cancelling_deadline_ends_its_block_and_the_calls_inside_count_as_timed_out() -> None:
    async def main() -> None:
        with pytest.raises(DeadlineExceededError) as caught:
            async with latency_kit.deadline(5, cancel=True, name="ask"), measure_latency("llm", "ask"):
                await asyncio.Event().wait()
        assert isinstance(caught.value.__cause__, asyncio.CancelledError)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)  # the task goes on uncancelled

    with capture_measurements() as captured:
        asyncio.run(main())
    assert outcomes(captured, "llm.ask") == {Outcome.TIMED_OUT: 1}
    assert outcomes(captured, "deadline.ask") == {Outcome.TIMED_OUT: 1}


def test_a_deadline_that_has_passed_cancels_at_the_first_await() -> None:
    async def main() -> None:
        reached = []

        async def work() -> None:
            async with latency_kit.deadline(0, cancel=True):
                reached.append("before")
                await asyncio.Event().wait()
                reached.append("after")

        with pytest.raises(DeadlineExceededError):
            await work()
        assert reached == ["before"]

    asyncio.run(main())


def test_a_block_that_ends_in_time_is_never_cancelled_afterwards() -> None:
    async def main() -> None:
        async with latency_kit.deadline(20, cancel=True):
            await asyncio.sleep(0)
        await asyncio.sleep(0.04)

    asyncio.run(main())


def test_a_block_is_not_cancelled_before_the_deadline_has_passed_on_the_clock_that_measures() -> None:
    clock = FakeClock()

    async def wait() -> None:
        async with latency_kit.deadline(1, cancel=True):
            clock.advance(ms=1)
            await asyncio.Event().wait()

    async def main() -> None:
        async with latency_kit.deadline(1, cancel=True):
            await asyncio.sleep(0.01)  # the loop's clock runs on, ours stands still
        with pytest.raises(DeadlineExceededError):
            await wait()

    with capture_measurements(clock=clock):
        asyncio.run(main())


def test_a_cancellation_from_outside_stays_one_even_at_the_moment_of_the_deadline() -> None:
    async def main() -> None:
        begun = asyncio.Event()

        async def work() -> None:
            async with latency_kit.deadline(0, cancel=True, name="race"):
                begun.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await begun.wait()
        task.cancel("outside")
        with pytest.raises(asyncio.CancelledError):
            await task

    with capture_measurements() as captured:
        asyncio.run(main())
    assert sum(outcomes(captured, "deadline.race").values()) == 1


def test_of_nested_cancelling_deadlines_the_error_bears_the_name_of_the_earlier_one() -> None:
    async def main() -> list[str]:
        order = []
        try:
            async with latency_kit.deadline(5, cancel=True, name="outer"):
                try:
                    async with latency_kit.deadline(60_000, cancel=True, name="inner"):
                        await asyncio.Event().wait()
                except DeadlineExceededError as error:
                    order.append(error.deadline)
                    raise
        except DeadlineExceededError as error:
            order.append(error.deadline)
        return order

    # Both blocks end at the outer one's moment, whichever timer fires first.
    assert set(asyncio.run(main())) == {"outer"}


def test_swallowing_the_cancellation_ends_the_block_late_but_leaves_the_task_uncancelled() -> None:
    async def main() -> int:
        async with latency_kit.deadline(1, cancel=True, name="stubborn"):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    with capture_measurements() as captured:
        assert asyncio.run(main()) == 0
    assert outcomes(captured, "deadline.stubborn") == {Outcome.TIMED_OUT: 1}


def test_blocks_are_counted_by_name_and_outcome(clock: FakeClock) -> None:
    with capture_measurements(clock=clock):
        before = decisions.total("latency.deadline.blocks", deadline="counted", outcome="timed_out")
        with latency_kit.deadline(1, name="counted"):
            clock.advance(ms=2)
    assert decisions.total("latency.deadline.blocks", deadline="counted", outcome="timed_out") == before + 1


def test_counts_are_bounded_and_what_does_not_fit_is_lost_and_counted() -> None:
    counts = DecisionCounts()
    with capture_measurements():
        for number in range(1005):
            counts.count("latency.deadline.blocks", deadline=str(number))
        counts.count("latency.deadline.blocks", deadline="0")
        from latency_kit.measurement.active import active  # noqa: PLC0415  # replaced by the capture

        assert active.losses.counts() == {"decisions_uncounted": 5}
    whole = {reading.name: reading for reading in counts.readings()}
    assert counts.total("latency.deadline.blocks") == 1001
    attributes: dict[str, AttributeValue] = dict(whole["latency.deadline.blocks"].attributes)
    assert list(attributes) == ["latency.deadline"]
