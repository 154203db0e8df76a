"""Each call makes a span through the OpenTelemetry API, with explicit times and right parents."""

import asyncio
import contextvars
import logging
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

import latency_kit
from latency_kit import Outcome, measure_latency
from latency_kit.measurement.active import active
from latency_kit.testing import FakeClock, capture_measurements

sdk_trace = pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra otlp")
from opentelemetry import trace  # noqa: E402  # after the check that the SDK is there
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider, sampling  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402
from opentelemetry.trace import StatusCode  # noqa: E402

from latency_kit.measurement.spans import SpanMaker  # noqa: E402

Finished = Callable[[], dict[str, ReadableSpan]]


@contextmanager
def spans_on(provider: TracerProvider, clock: FakeClock | None = None) -> Iterator[Finished]:
    """Make spans with `provider` inside the block; yield what returns the finished ones by name."""
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with capture_measurements(**({"clock": clock} if clock else {})):
        active.span_maker = SpanMaker.of_provider(provider)
        yield lambda: {span.name: span for span in exporter.get_finished_spans()}
    provider.shutdown()


def test_both_ends_of_a_span_come_from_one_anchor_and_the_monotonic_clock() -> None:
    clock = FakeClock(unix_nano=5_000)
    with spans_on(TracerProvider(), clock) as finished:
        clock.advance(ns=100)
        with measure_latency("a", "b"):
            clock.step_wall(ns=-4_000)
            clock.advance(ns=30)
    span = finished()["a.b"]
    assert (span.start_time, span.end_time) == (5_100, 5_130)


def test_children_have_the_right_parents_across_tasks_threads_and_queues() -> None:
    handed: queue.Queue[latency_kit.Context] = queue.Queue()

    @measure_latency("work", "in_thread")
    def in_thread() -> None: ...

    @measure_latency("work", "in_executor")
    def in_executor() -> None: ...

    @measure_latency("work", "in_task")
    async def in_task() -> None:
        await asyncio.sleep(0)

    @measure_latency("work", "from_queue")
    def from_queue() -> None: ...

    def worker() -> None:
        with latency_kit.use_context(handed.get()):
            from_queue()

    async def main(pool: ThreadPoolExecutor) -> None:
        async with measure_latency("work", "root"):
            await asyncio.gather(asyncio.create_task(in_task()), asyncio.to_thread(in_thread))
            await asyncio.get_running_loop().run_in_executor(pool, latency_kit.bind(in_executor))
            handed.put(latency_kit.current_context())
        thread = threading.Thread(target=worker)
        thread.start()
        await asyncio.to_thread(thread.join)

    with spans_on(TracerProvider()) as finished, ThreadPoolExecutor(1) as pool:
        asyncio.run(main(pool))
    spans = finished()
    root = spans.pop("work.root")
    assert root.parent is None
    assert set(spans) == {"work.in_thread", "work.in_executor", "work.in_task", "work.from_queue"}
    assert {span.parent.span_id for span in spans.values() if span.parent} == {root.context.span_id}
    assert {span.context.trace_id for span in spans.values()} == {root.context.trace_id}


def test_context_is_never_held_across_a_yield(caplog: pytest.LogCaptureFixture) -> None:
    @measure_latency("feed", "read")
    def read() -> Generator[int, None, None]:
        with measure_latency("feed", "inside"):
            pass
        yield 1
        yield 2

    with spans_on(TracerProvider()) as finished, caplog.at_level(logging.ERROR):
        for _ in read():
            with measure_latency("consumer", "use"):
                pass
    spans = finished()
    assert spans["consumer.use"].parent is None
    assert spans["feed.inside"].parent is not None
    assert spans["feed.inside"].parent.span_id == spans["feed.read"].context.span_id
    assert "Failed to detach context" not in caplog.text


def test_an_async_generator_closed_in_another_context_detaches_cleanly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @measure_latency("llm", "stream")
    async def stream() -> AsyncGenerator[int, None]:
        yield 1
        yield 2

    async def main() -> None:
        items = stream()
        await items.__anext__()
        await asyncio.get_running_loop().create_task(items.aclose(), context=contextvars.Context())

    with spans_on(TracerProvider()) as finished, caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert finished()["llm.stream"].attributes["latency.outcome"] == "cancelled"
    assert "Failed to detach context" not in caplog.text


def test_an_error_marks_the_span_and_cancellation_does_not() -> None:
    async def cancelled() -> None:
        async with measure_latency("a", "cancelled"):
            raise asyncio.CancelledError

    with spans_on(TracerProvider()) as finished:
        with pytest.raises(ValueError, match="no"), measure_latency("a", "failed"):
            raise ValueError("no")
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(cancelled())
    failed, given_up = finished()["a.failed"], finished()["a.cancelled"]
    assert (failed.status.status_code, failed.attributes["error.type"]) == (StatusCode.ERROR, "ValueError")
    assert [event.name for event in failed.events] == ["exception"]
    assert (given_up.status.status_code, given_up.events) == (StatusCode.UNSET, ())


def test_a_call_is_recorded_even_where_its_trace_is_sampled_out() -> None:
    with capture_measurements() as captured:
        active.span_maker = SpanMaker.of_provider(TracerProvider(sampler=sampling.ALWAYS_OFF))
        for _ in range(7):
            with measure_latency("a", "b"):
                pass
    assert captured.series[0].histogram.count == 7


def test_a_provider_that_raises_never_reaches_the_measured_code() -> None:
    class Broken(SpanProcessor):
        def on_start(self, span: object, parent_context: object = None) -> None:
            raise RuntimeError("start")

        def on_end(self, span: object) -> None:
            raise RuntimeError("end")

    provider = TracerProvider()
    provider.add_span_processor(Broken())
    with capture_measurements() as captured:
        active.span_maker = SpanMaker.of_provider(provider)
        with measure_latency("a", "b"):
            pass
        assert active.losses.counts()["spans_failed"] >= 1
    assert [measured.outcome for measured in captured.measurements] == [Outcome.OK]


def test_a_provider_that_the_program_installed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)

    @measure_latency("a", "b")
    def call() -> None: ...

    call()
    assert [span.name for span in exporter.get_finished_spans()] == ["a.b"]


def test_an_operation_ends_on_another_thread_with_its_checkpoints() -> None:
    clock = FakeClock(unix_nano=0, monotonic_ns=0)
    with spans_on(TracerProvider(), clock) as finished:
        operation = latency_kit.begin("turn", "end_to_end", context=latency_kit.new_trace())
        clock.advance(ms=5)
        operation.checkpoint("heard")
        operation.checkpoint("heard", 9)
        clock.advance(ms=5)
        thread = threading.Thread(target=operation.end)
        thread.start()
        thread.join()
        with latency_kit.use_context(operation.context), measure_latency("turn", "child"):
            pass
    spans = finished()
    span = spans["turn.end_to_end"]
    assert (span.start_time, span.end_time) == (0, 10_000_000)
    assert [(event.name, event.timestamp) for event in span.events] == [("heard", 5_000_000)]
    assert operation.checkpoints == {"heard": 5_000_000}
    assert spans["turn.child"].parent is not None
    assert spans["turn.child"].parent.span_id == span.context.span_id
    assert operation.trace_id == f"{span.context.trace_id:032x}"


def test_a_trace_crosses_a_socket_as_traceparent() -> None:
    with spans_on(TracerProvider()) as finished:
        with measure_latency("client", "send"):
            sent = latency_kit.traceparent()
        latency_kit.record(
            "server",
            "receive",
            start_ns=latency_kit.now_ns(),
            end_ns=latency_kit.now_ns(),
            context=latency_kit.context_from_traceparent(sent),
        )
    client, server = finished()["client.send"], finished()["server.receive"]
    assert server.parent is not None
    assert (server.parent.span_id, server.context.trace_id) == (
        client.context.span_id,
        client.context.trace_id,
    )


@pytest.mark.parametrize("malformed", ["", "00-xyz-1-01", "garbage"])
def test_a_malformed_traceparent_begins_a_new_trace(malformed: str) -> None:
    context = latency_kit.context_from_traceparent(malformed)
    assert not trace.get_current_span(context).get_span_context().is_valid
