"""A hedged call answers with whichever attempt succeeds first, cancels the other and counts both."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import latency_kit
from latency_kit import HedgeLimit, Outcome, UsageError
from latency_kit.budget.decisions import decisions
from latency_kit.testing import Capture, capture_measurements

ALWAYS = HedgeLimit(share=1)


@pytest.fixture
def captured() -> Iterator[Capture]:
    with capture_measurements() as capture:
        yield capture


def outcomes(captured: Capture, part: str) -> dict[Outcome, int]:
    return {one.outcome: one.histogram.count for one in captured.series if one.name == f"search.query{part}"}


def hedged(
    first: Callable[[], Awaitable[str]],
    second: Callable[[], Awaitable[str]],
    *,
    after_ms: float | None = 0,
    limit: HedgeLimit = ALWAYS,
) -> Coroutine[Any, Any, str]:
    return latency_kit.hedge("search", "query", first, second, after_ms=after_ms, limit=limit)


async def settled() -> None:
    """Let cancelled attempts end."""
    for _ in range(5):
        await asyncio.sleep(0)


async def never() -> str:
    await asyncio.Event().wait()
    return "never"


async def at_once() -> str:
    return "quick"


async def fail() -> str:
    raise KeyError("failed")


def test_a_first_attempt_in_time_is_not_hedged(captured: Capture) -> None:
    begun = []

    async def second() -> str:
        begun.append("second")
        return "second"

    async def main() -> str:
        return await hedged(at_once, second, after_ms=10_000)

    assert asyncio.run(main()) == "quick"
    assert begun == []
    assert outcomes(captured, "") == {Outcome.OK: 1}
    assert outcomes(captured, ".second") == {}
    assert outcomes(captured, ".wasted") == {}


def test_the_second_wins_and_the_first_is_cancelled_and_counted_with_what_it_cost(captured: Capture) -> None:
    before = decisions.total("latency.hedge.calls", result="second_won", hedged="yes")

    async def main() -> str:
        answer = await hedged(never, at_once)
        await settled()
        return answer

    assert asyncio.run(main()) == "quick"
    assert outcomes(captured, ".first") == {Outcome.CANCELLED: 1}
    assert outcomes(captured, ".second") == {Outcome.OK: 1}
    assert outcomes(captured, ".wasted") == {Outcome.CANCELLED: 1}
    assert decisions.total("latency.hedge.calls", result="second_won", hedged="yes") == before + 1
    (call,) = captured.named("search.query")
    assert dict(call.attributes) == {"latency.hedge.result": "second_won", "latency.hedged": True}


def test_the_first_may_still_win_after_the_second_has_begun(captured: Capture) -> None:
    async def main() -> str:
        second_runs = asyncio.Event()

        async def first() -> str:
            await second_runs.wait()
            return "first"

        async def second() -> str:
            second_runs.set()
            return await never()

        answer = await hedged(first, second)
        await settled()
        return answer

    assert asyncio.run(main()) == "first"
    assert outcomes(captured, ".second") == {Outcome.CANCELLED: 1}


def test_where_both_answer_at_the_same_moment_the_first_wins(captured: Capture) -> None:
    async def main() -> str:
        gate = asyncio.Event()

        async def answer(who: str) -> str:
            if who == "second":
                asyncio.get_running_loop().call_later(0.001, gate.set)
            await gate.wait()
            return who

        return await hedged(lambda: answer("first"), lambda: answer("second"))

    assert asyncio.run(main()) == "first"
    assert [outcomes(captured, part) for part in (".first", ".second")] == [{Outcome.OK: 1}] * 2
    assert outcomes(captured, ".wasted") == {}


def test_a_failure_of_either_waits_for_the_other(captured: Capture) -> None:
    async def main() -> list[str]:
        second_runs = asyncio.Event()

        async def fail_later() -> str:
            await second_runs.wait()
            raise KeyError("first")

        async def slow_second() -> str:
            second_runs.set()
            for _ in range(5):
                await asyncio.sleep(0)
            return "second"

        failed = asyncio.Event()

        async def first() -> str:
            await failed.wait()
            for _ in range(5):
                await asyncio.sleep(0)
            return "first"

        async def fail_at_once() -> str:
            failed.set()
            raise KeyError("second")

        return [await hedged(fail_later, slow_second), await hedged(first, fail_at_once)]

    assert asyncio.run(main()) == ["second", "first"]


def test_where_both_fail_the_error_of_the_first_is_raised_with_a_note_of_the_second(
    captured: Capture,
) -> None:
    async def main() -> None:
        second_runs = asyncio.Event()

        async def first() -> str:
            await second_runs.wait()
            raise KeyError("first")

        async def second() -> str:
            second_runs.set()
            raise OSError("second")

        await hedged(first, second)

    with pytest.raises(KeyError, match="first") as caught:
        asyncio.run(main())
    assert "OSError('second')" in caught.value.__notes__[0]
    assert outcomes(captured, "") == {Outcome.ERROR: 1}


def test_a_first_attempt_that_fails_alone_is_not_repeated(captured: Capture) -> None:
    with pytest.raises(KeyError):
        asyncio.run(hedged(fail, never, after_ms=10_000))
    assert outcomes(captured, ".second") == {}


def test_a_cancelled_caller_cancels_both_attempts(captured: Capture) -> None:
    async def main() -> None:
        both_run = asyncio.Event()

        async def second() -> str:
            both_run.set()
            return await never()

        task = asyncio.create_task(hedged(never, second))
        await both_run.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled()

    asyncio.run(main())
    assert [outcomes(captured, part) for part in ("", ".first", ".second")] == [{Outcome.CANCELLED: 1}] * 3


def test_a_loser_that_fails_while_it_is_cancelled_is_not_reported_as_forgotten(captured: Capture) -> None:
    reported: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

        async def first() -> str:
            try:
                return await never()
            except asyncio.CancelledError:
                raise OSError("while giving up") from None

        await hedged(first, at_once)
        await settled()
        gc.collect()

    asyncio.run(main())
    assert reported == []


def test_the_second_starts_after_the_percentile_of_the_first_attempts(captured: Capture) -> None:
    async def main() -> str:
        # Too little is known: nothing is hedged, however long the first takes.
        task = asyncio.create_task(hedged(never, at_once, after_ms=None))
        await asyncio.sleep(0.02)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for _ in range(100):
            latency_kit.record("search", "query.first", start_ns=0, end_ns=1_000_000, span=False)
        assert captured.series
        await asyncio.sleep(0.11)  # figures are read ten times a second
        begun_ns = latency_kit.now_ns()
        answer = await hedged(never, at_once, after_ms=None)
        assert latency_kit.now_ns() - begun_ns >= 1_000_000
        await settled()
        return answer

    assert asyncio.run(main()) == "quick"


def test_nothing_is_hedged_that_could_begin_only_after_the_deadline(captured: Capture) -> None:
    async def main() -> None:
        with latency_kit.deadline(5):
            task = asyncio.create_task(hedged(never, at_once, after_ms=5))
            await asyncio.sleep(0.02)
            assert not task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert outcomes(captured, ".second") == {}


def test_beyond_the_limit_the_first_is_waited_for(captured: Capture) -> None:
    async def main() -> list[str]:
        limit = HedgeLimit(share=0.5)

        async def slow() -> str:
            await asyncio.sleep(0.005)
            return "slow"

        answers = [await hedged(slow, at_once, limit=limit) for _ in range(6)]
        await settled()
        return answers

    assert asyncio.run(main()) == ["slow", "quick"] * 3
    assert decisions.total("latency.hedge.calls", component="search", result="limited") >= 3


@given(
    share=st.floats(0, 1),
    burst=st.integers(1, 20),
    wanted=st.lists(st.booleans(), max_size=300),
)
def test_at_every_moment_at_most_the_share_of_the_calls_was_hedged(
    share: float, burst: int, wanted: list[bool]
) -> None:
    limit = HedgeLimit(share=share, burst=burst)
    taken = 0
    for calls, wants in enumerate(wanted, 1):
        limit.note_call()
        taken += wants and limit.take()
        assert taken <= share * calls + 1e-6
    saved = 0
    while limit.take():
        saved += 1
    assert saved <= burst


def test_no_more_than_the_burst_is_saved_up_in_quiet_times() -> None:
    limit = HedgeLimit(share=1, burst=3)
    for _ in range(10):
        limit.note_call()
    assert [limit.take() for _ in range(5)] == [True, True, True, False, False]


def test_one_call_in_twenty_is_hedged_by_default() -> None:
    limit = HedgeLimit()
    taken = []
    for _ in range(100):
        limit.note_call()
        taken.append(limit.take())
    assert [number for number, was in enumerate(taken, 1) if was] == [20, 40, 60, 80, 100]


@pytest.mark.parametrize("fields", [{"share": -0.1}, {"share": 1.5}, {"share": float("nan")}, {"burst": 0}])
def test_a_limit_out_of_range_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        HedgeLimit(**fields)


def test_numbers_out_of_range_are_refused_before_anything_begins() -> None:
    with pytest.raises(UsageError, match="after_ms"):
        asyncio.run(hedged(never, never, after_ms=-1))
    with pytest.raises(UsageError, match="percentile"):
        asyncio.run(latency_kit.hedge("search", "query", never, never, percentile=101))


def test_both_attempts_are_children_of_the_call_and_linked() -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra otlp")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415  # after the check
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: PLC0415  # the same
        InMemorySpanExporter,
    )

    from latency_kit.measurement.active import active  # noqa: PLC0415  # replaced by the capture
    from latency_kit.measurement.spans import SpanMaker  # noqa: PLC0415  # needs spans

    exporter = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def main() -> None:
        await hedged(never, at_once)
        await settled()

    with capture_measurements():
        active.span_maker = SpanMaker.of_provider(provider)
        asyncio.run(main())
    spans = {span.name: span for span in exporter.get_finished_spans()}
    call, first, second = (spans[f"search.query{part}"] for part in ("", ".first", ".second"))
    assert first.parent.span_id == second.parent.span_id == call.context.span_id
    assert [link.context.span_id for link in second.links] == [first.context.span_id]
    assert [link.context.span_id for link in first.links] == [second.context.span_id]
    assert first.attributes["latency.outcome"] == "cancelled"
    assert call.attributes["latency.hedge.result"] == "second_won"
