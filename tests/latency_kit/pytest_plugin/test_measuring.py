"""Functions, coroutines and streams are timed exactly; verdicts follow the samples."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from latency_kit.baseline import Decision
from latency_kit.errors import UsageError
from latency_kit.pytest_plugin.calls import Kind, kind_of
from latency_kit.pytest_plugin.plan import LatencyPlan, Limit
from latency_kit.testing import FakeClock

MS = 1_000_000
FIVE = LatencyPlan(samples=5, max_samples=5, warmup=2)


def limited(limit_ms: float, *, samples: int = 100, max_samples: int = 1000, **more: Any) -> LatencyPlan:
    limit = Limit(limit_ns=round(limit_ms * MS), percentile=95)
    return LatencyPlan(total=limit, samples=samples, max_samples=max_samples, **more)


def test_a_function_is_called_with_its_arguments_after_the_warmup(harness: Any, clock: FakeClock) -> None:
    calls = []

    def work(ms: int, *, more: int) -> None:
        calls.append((ms, more))
        clock.advance(ms=ms + len(calls))

    result = harness.latency(FIVE)(work, 10, more=1)
    assert calls == [(10, 1)] * 7
    assert result.durations_ns == tuple((10 + n) * MS for n in range(3, 8))
    assert (result.histogram.count, result.histogram.sum_ns) == (5, 75 * MS)
    assert harness.results == [result]
    assert (result.component, result.operation, result.part) == ("tests.test_x", "test_y", "")


def test_a_coroutine_is_awaited_on_a_loop_of_its_own(harness: Any, clock: FakeClock) -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        clock.advance(ms=3)

    assert harness.latency(FIVE)(work).durations_ns == (3 * MS,) * 5


def test_a_stream_has_a_time_to_its_first_item_and_a_total(harness: Any, clock: FakeClock) -> None:
    def tokens() -> Iterator[str]:
        for ms in (7, 2, 2):
            clock.advance(ms=ms)
            yield "token"
        clock.advance(ms=1)

    result = harness.latency(FIVE)(tokens)
    total, first = harness.results
    assert total is result
    assert total.durations_ns == (12 * MS,) * 5
    assert (first.part, first.operation) == ("first_item", "test_y.first_item")
    assert first.durations_ns == (7 * MS,) * 5


def test_an_asynchronous_stream_as_well(harness: Any, clock: FakeClock) -> None:
    async def tokens() -> AsyncIterator[str]:
        clock.advance(ms=7)
        yield "a"
        await asyncio.sleep(0)
        clock.advance(ms=2)
        yield "b"

    harness.latency(FIVE)(tokens)
    assert [one.durations_ns[0] for one in harness.results] == [9 * MS, 7 * MS]


def test_functions_that_return_streams_are_measured_as_such_on_request(
    harness: Any, clock: FakeClock
) -> None:
    def made() -> Iterator[int]:
        clock.advance(ms=1)
        return (clock.advance(ms=ms) or ms for ms in (4, 5))

    class Reply:
        def __init__(self) -> None:
            self._left = [4, 5]

        def __aiter__(self) -> "Reply":
            return self

        async def __anext__(self) -> int:
            if not self._left:
                raise StopAsyncIteration
            clock.advance(ms=self._left[0])
            return self._left.pop(0)

    latency = harness.latency(FIVE)
    latency.stream(made)
    latency.async_stream(Reply)
    assert [one.durations_ns[0] // MS for one in harness.results] == [10, 5, 9, 4]


def test_in_a_running_loop_a_coroutine_is_measured_there(harness: Any, clock: FakeClock) -> None:
    async def work() -> None:
        clock.advance(ms=3)

    async def test() -> None:
        latency = harness.latency(FIVE)
        assert (await latency.in_loop(work)).durations_ns == (3 * MS,) * 5
        with pytest.raises(UsageError, match=r"an event loop is running; .* await latency\.in_loop"):
            latency(work)
        with pytest.raises(UsageError, match="in_loop measures coroutine functions"):
            await latency.in_loop(len)

    asyncio.run(test())


def test_the_exception_of_a_call_is_that_of_the_test(harness: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        harness.latency(FIVE)(lambda: 1 / 0)
    assert harness.results == []


def test_a_stream_without_an_item_is_refused(harness: Any) -> None:
    def empty() -> Iterator[int]:
        return
        yield 1

    with pytest.raises(UsageError, match="the stream ended without an item"):
        harness.latency(FIVE)(empty)


def test_a_budget_for_the_first_item_needs_a_stream(harness: Any) -> None:
    plan = LatencyPlan(first_item=Limit(limit_ns=MS, percentile=95))
    with pytest.raises(UsageError, match="needs a stream, got a function"):
        harness.latency(plan)(len, "x")


@pytest.mark.parametrize(("kept", "limit_ms", "verdict"), [(True, 6, "met"), (False, 4, "breached")])
def test_what_is_clear_is_decided_at_the_first_look(
    harness: Any, wait: Callable[[float], None], kept: bool, limit_ms: float, verdict: str
) -> None:
    latency = harness.latency(limited(limit_ms))
    if kept:
        latency(wait, 5)
    else:
        with pytest.raises(harness.failure, match=r"test_y: breached: p95 is 5.00 ms .*above the budget"):
            latency(wait, 5)
    (result,) = harness.results
    assert (result.verdict, result.histogram.count) == (verdict, 100)


def test_what_is_undecided_asks_for_more_samples_until_it_is_clear(harness: Any, clock: FakeClock) -> None:
    source = random.Random(1)  # noqa: S311  # a simulation
    # 2 % are over the limit: too near to 5 % for 100 samples, not for 400.
    harness.latency(limited(5))(lambda: clock.advance(ms=9 if source.random() < 0.02 else 1))
    (result,) = harness.results
    assert result.verdict == "met"
    assert 100 < result.histogram.count <= 1000


@pytest.mark.parametrize(("every", "likely", "open_side"), [(23, "within", "above"), (18, "above", "within")])
def test_at_the_bound_an_undecided_one_says_which_side_cannot_be_ruled_out(
    harness: Any, clock: FakeClock, every: int, likely: str, open_side: str
) -> None:
    count = iter(range(10**6))
    # Steady shares, so that no look is lucky.
    latency = harness.latency(limited(5, warmup=0))
    with pytest.raises(harness.failure) as failure:
        latency(lambda: clock.advance(ms=9 if next(count) % every == 0 else 1))
    (result,) = harness.results
    assert result.verdict == "undecided"
    assert result.histogram.count == 1000
    message = str(failure.value)
    assert f"the estimate is {likely} the budget of 5.00 ms" in message
    assert f"that the truth is {open_side} it cannot be ruled out; take more samples" in message


def test_an_undecided_one_may_pass_where_that_is_asked_for(harness: Any, clock: FakeClock) -> None:
    count = iter(range(10**6))
    latency = harness.latency(limited(5), undecided_fails=False)
    assert latency(lambda: clock.advance(ms=9 if next(count) % 22 == 0 else 1)).verdict == "undecided"


def test_both_limits_of_a_stream_are_judged_and_told(harness: Any, clock: FakeClock) -> None:
    def tokens() -> Iterator[int]:
        clock.advance(ms=4)
        yield 1
        clock.advance(ms=4)

    plan = LatencyPlan(
        total=Limit(limit_ns=5 * MS, percentile=95),
        first_item=Limit(limit_ns=3 * MS, percentile=95, budget="first"),
        max_samples=1000,
    )
    with pytest.raises(harness.failure) as failure:
        harness.latency(plan)(tokens)
    total, first = str(failure.value).splitlines()
    assert "test_y: breached: p95 is 8.00 ms" in total
    assert "test_y (first_item): breached: p95 is 4.00 ms" in first
    assert "the budget 'first' of 3.00 ms" in first


def test_durations_measured_elsewhere_are_judged_in_one_look(harness: Any) -> None:
    latency = harness.latency(limited(5))
    assert latency.judge([4 * MS] * 72).verdict == "met"
    with pytest.raises(
        UsageError, match="71 samples cannot bound p95 at 95% confidence; it takes at least 72"
    ):
        latency.judge([4 * MS] * 71)


def test_each_measurement_of_a_test_has_a_name_of_its_own(
    harness: Any, wait: Callable[[float], None]
) -> None:
    latency = harness.latency(FIVE)
    latency(wait, 1)
    latency(wait, 2)
    latency.judge([1], part="x")
    latency.judge([1], part="x")
    assert [one.part for one in harness.results] == ["", "call-2", "x", "x-2"]
    assert harness.results[1].title == "tests/test_x.py::test_y (call-2)"


def test_the_samples_are_those_of_the_verdict_even_if_another_limit_takes_more(
    harness: Any, clock: FakeClock
) -> None:
    count = iter(range(10**6))

    def tokens() -> Iterator[int]:
        clock.advance(ms=1)
        yield 1
        clock.advance(ms=8 if next(count) % 22 == 0 else 1)

    plan = LatencyPlan(
        total=Limit(limit_ns=5 * MS, percentile=95),
        first_item=Limit(limit_ns=3 * MS, percentile=95),
        max_samples=800,
    )
    with pytest.raises(harness.failure):
        harness.latency(plan)(tokens)
    total, first = harness.results
    assert (total.verdict, total.judgement.interval.count) == ("undecided", 800)
    assert (first.verdict, first.judgement.interval.count) == ("met", 100)


def test_samples_that_hang_together_are_noted(harness: Any, clock: FakeClock) -> None:
    count = iter(range(10**6))
    plan = LatencyPlan(samples=200, max_samples=200)
    assert harness.latency(plan)(lambda: clock.advance(ms=1 + next(count) // 50)).is_dependent


class Callers:
    async def method(self) -> None: ...

    async def __call__(self) -> None: ...


async def coroutine() -> None: ...


async def agen() -> AsyncIterator[int]:
    yield 1


def gen() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (len, Kind.FUNCTION),
        (dict, Kind.FUNCTION),
        (gen, Kind.STREAM),
        (coroutine, Kind.COROUTINE),
        (agen, Kind.ASYNC_STREAM),
        (partial(partial(coroutine)), Kind.COROUTINE),
        (Callers().method, Kind.COROUTINE),
        (Callers(), Kind.COROUTINE),
        (lambda: None, Kind.FUNCTION),
    ],
)
def test_what_a_callable_is_is_seen_through_partials_methods_and_objects(
    function: Callable[..., Any], kind: Kind
) -> None:
    assert kind_of(function) is kind


def test_a_met_verdict_says_what_it_rests_on(harness: Any, wait: Callable[[float], None]) -> None:
    result = harness.latency(limited(6))(wait, 5)
    assert result.judgement.decision is Decision.MET
    assert result.explain() == (
        "tests/test_x.py::test_y: met: p95 is 5.00 ms (from 5.00 ms to 5.00 ms at 97.5 % confidence, "
        "100 samples), within the budget of 6.00 ms"
    )
