"""Streams: time to first item, gaps, body apart from consumer, and every way in which a stream ends."""

import asyncio
import contextlib
import contextvars
import gc
import logging
from collections.abc import AsyncGenerator, Callable, Generator

import pytest

from latency_kit import Outcome, measure_latency
from latency_kit.measurement.active import active
from latency_kit.testing import Capture, FakeClock, capture_measurements


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def durations(captured: Capture, name: str) -> list[tuple[Outcome, int, int, int]]:
    """(outcome, count, min, max) of the series of this name."""
    return [
        (one.outcome, one.histogram.count, one.histogram.min_ns, one.histogram.max_ns)
        for one in captured.series
        if one.name == name
    ]


def read_two(clock: FakeClock) -> Callable[[], Generator[str, object, str]]:
    @measure_latency("feed", "read")
    def read() -> Generator[str, object, str]:
        clock.advance(ns=100)
        yield "a"
        clock.advance(ns=10)
        yield "b"
        clock.advance(ns=1)
        return "end"

    return read


def stream_two(clock: FakeClock) -> Callable[[], AsyncGenerator[str, object]]:
    @measure_latency("feed", "read")
    async def read() -> AsyncGenerator[str, object]:
        clock.advance(ns=100)
        yield "a"
        clock.advance(ns=10)
        await asyncio.sleep(0)
        yield "b"
        clock.advance(ns=1)

    return read


async def consume(clock: FakeClock, stream: AsyncGenerator[str, object]) -> None:
    async for _ in stream:
        clock.advance(ns=1000)


@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_first_item_gaps_body_and_consumer_are_told_apart(clock: FakeClock, kind: str) -> None:
    with capture_measurements(clock=clock) as captured:
        if kind == "generator":
            for _ in read_two(clock)():
                clock.advance(ns=1000)
        else:
            asyncio.run(consume(clock, stream_two(clock)()))
    assert durations(captured, "feed.read") == [(Outcome.OK, 1, 2111, 2111)]
    assert durations(captured, "feed.read.first_item") == [(Outcome.OK, 1, 100, 100)]
    assert durations(captured, "feed.read.gap") == [(Outcome.OK, 1, 1010, 1010)]
    assert durations(captured, "feed.read.body") == [(Outcome.OK, 1, 111, 111)]
    assert durations(captured, "feed.read.consumer") == [(Outcome.OK, 1, 2000, 2000)]
    (measured,) = captured.measurements
    assert dict(measured.attributes) == {
        "latency.stream.items": 2,
        "latency.stream.body_ns": 111,
        "latency.stream.consumer_ns": 2000,
    }


def test_a_stream_of_no_items_has_neither_a_first_item_nor_a_gap(clock: FakeClock) -> None:
    @measure_latency("feed", "read")
    def read() -> Generator[int, None, None]:
        clock.advance(ns=7)
        yield from ()

    with capture_measurements(clock=clock) as captured:
        assert list(read()) == []
    assert {one.name for one in captured.series} == {"feed.read", "feed.read.body", "feed.read.consumer"}
    assert captured.measurements[0].attributes["latency.stream.items"] == 0


def test_a_stream_that_fails_keeps_its_items_and_tells_its_error(clock: FakeClock) -> None:
    @measure_latency("feed", "read")
    async def read() -> AsyncGenerator[int, None]:
        yield 1
        clock.advance(ns=5)
        raise OSError("torn")

    async def main() -> None:
        with pytest.raises(OSError, match="torn"):
            async for _ in read():
                pass

    with capture_measurements(clock=clock) as captured:
        asyncio.run(main())
    (measured,) = captured.measurements
    assert (measured.outcome, measured.error) == (Outcome.ERROR, "OSError")
    assert measured.attributes["latency.stream.items"] == 1
    assert durations(captured, "feed.read.body") == [(Outcome.ERROR, 1, 5, 5)]


def test_an_async_stream_passes_asend_athrow_and_what_the_body_makes_of_them() -> None:
    @measure_latency("feed", "echo")
    async def echo() -> AsyncGenerator[object, object]:
        got: object = None
        while got != "stop":
            try:
                got = yield got
            except ValueError as error:
                got = f"caught {error}"

    async def main() -> None:
        stream = echo()
        assert await anext(stream) is None
        assert await stream.asend("a") == "a"
        assert await stream.athrow(ValueError("x")) == "caught x"
        with pytest.raises(StopAsyncIteration):
            await stream.asend("stop")

    for measuring in (capture_measurements(), contextlib.nullcontext()):
        with measuring as captured:
            asyncio.run(main())
        if captured is not None:
            assert [one.outcome for one in captured.measurements] == [Outcome.OK]


@pytest.mark.parametrize("measuring", [True, False])
def test_closing_lets_the_body_clean_up_and_clean_up_is_the_bodys_time(
    clock: FakeClock, *, measuring: bool
) -> None:
    closed: list[str] = []

    @measure_latency("feed", "read")
    async def read() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            clock.advance(ns=30)
            await asyncio.sleep(0)
            closed.append("async")

    async def main() -> None:
        stream = read()
        await anext(stream)
        clock.advance(ns=4)
        await stream.aclose()

    with capture_measurements(clock=clock) if measuring else contextlib.nullcontext() as captured:
        asyncio.run(main())
    assert closed == ["async"]
    if captured is not None:
        assert durations(captured, "feed.read.body") == [(Outcome.CANCELLED, 1, 30, 30)]
        assert durations(captured, "feed.read.consumer") == [(Outcome.CANCELLED, 1, 4, 4)]


def test_an_error_while_closing_is_the_streams_error(clock: FakeClock) -> None:
    @measure_latency("feed", "read")
    def read() -> Generator[int, None, None]:
        try:
            yield 1
        finally:
            raise KeyError("cleaning up")

    with capture_measurements(clock=clock) as captured:
        stream = read()
        next(stream)
        with pytest.raises(KeyError):
            stream.close()
    assert [(one.outcome, one.error) for one in captured.measurements] == [(Outcome.ERROR, "KeyError")]


def test_a_generator_abandoned_to_the_garbage_collector_counts_as_cancelled(clock: FakeClock) -> None:
    with capture_measurements(clock=clock) as captured:
        stream = read_two(clock)()
        next(stream)
        clock.advance(ns=9)
        del stream
        gc.collect()
    assert [(one.outcome, one.duration_ns) for one in captured.measurements] == [(Outcome.CANCELLED, 109)]


def test_an_async_generator_abandoned_without_a_loop_counts_as_cancelled(clock: FakeClock) -> None:
    stream = stream_two(clock)()
    with capture_measurements(clock=clock) as captured:
        # Driven by hand: no event loop has set hooks that would close it later.
        with pytest.raises(StopIteration, match="a"):
            stream.__anext__().send(None)
        del stream
        gc.collect()
    assert [(one.outcome, one.attributes["latency.stream.items"]) for one in captured.measurements] == [
        (Outcome.CANCELLED, 1)
    ]


def test_an_async_generator_that_asyncio_closes_at_its_end_counts_as_cancelled(clock: FakeClock) -> None:
    kept = []

    async def main() -> None:
        stream = stream_two(clock)()
        kept.append(stream)
        await anext(stream)

    with capture_measurements(clock=clock) as captured:
        asyncio.run(main())
    assert [one.outcome for one in captured.measurements] == [Outcome.CANCELLED]


def test_a_step_thrown_away_in_another_context_detaches_in_silence(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The consumer's task is destroyed while the body waits; the loop closes the stream from elsewhere."""
    sdk_trace = pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra otlp")
    from opentelemetry import trace  # noqa: PLC0415  # needs the SDK for something to be current

    from latency_kit.measurement.spans import SpanMaker  # noqa: PLC0415  # the same

    @measure_latency("feed", "read")
    async def read() -> AsyncGenerator[int, None]:
        await asyncio.get_running_loop().create_future()
        yield 1

    async def main() -> None:
        stream = read()

        async def step() -> None:
            await anext(stream)

        coroutine = step()
        # Entered in a context of its own, thrown away in this one.
        contextvars.copy_context().run(coroutine.send, None)
        coroutine.close()
        assert not trace.get_current_span().get_span_context().is_valid

    with capture_measurements(clock=clock) as captured, caplog.at_level(logging.DEBUG):
        active.span_maker = SpanMaker.of_provider(sdk_trace.TracerProvider())
        asyncio.run(main())
    assert [one.outcome for one in captured.measurements] == [Outcome.CANCELLED]
    assert "Failed to detach context" not in caplog.text


def test_gaps_lead_to_the_trace_of_their_stream(clock: FakeClock) -> None:
    sdk_trace = pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra otlp")
    from latency_kit.measurement.spans import SpanMaker  # noqa: PLC0415  # needs the extra

    with capture_measurements(clock=clock) as captured:
        active.span_maker = SpanMaker.of_provider(sdk_trace.TracerProvider())
        list(read_two(clock)())
    (measured,) = captured.measurements
    (gaps,) = [one for one in captured.series if one.name == "feed.read.gap"]
    assert gaps.exemplars[0].trace_id == measured.trace_id
