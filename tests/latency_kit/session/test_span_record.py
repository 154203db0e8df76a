"""Spans of every origin become the same records."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs the extra otlp")

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, set_span_in_context

import latency_kit
from latency_kit.errors import NoDataError, UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.asyncio_queues import MeasuredAsyncQueue
from latency_kit.measurement.measurement import Measurement, Outcome
from latency_kit.measurement.spans import SpanMaker
from latency_kit.session import (
    SpanRecord,
    critical_path,
    records_of_measurements,
    records_of_spans,
    records_of_stored,
)
from latency_kit.storage import StoredMeasurement

MS = 1_000_000
WALL = 1_767_225_600_000_000_000


class _Kept(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS


@pytest.fixture
def kept() -> tuple[Any, list[ReadableSpan]]:
    """A tracer of the SDK, and the spans that it has finished."""
    exporter = _Kept()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("test"), exporter.spans


def test_spans_of_the_sdk_keep_times_parents_links_and_outcome(
    kept: tuple[Any, list[ReadableSpan]],
) -> None:
    tracer, spans = kept
    root = tracer.start_span("root", start_time=WALL)
    inside = set_span_in_context(root)
    wait = tracer.start_span("llm.generate.wait", context=inside, start_time=WALL + 1)
    wait.end(end_time=WALL + 5)
    links = [Link(wait.get_span_context()), Link(tracer.start_span("foreign").get_span_context())]
    work = tracer.start_span(
        "llm.generate",
        context=inside,
        start_time=WALL + 5,
        attributes={"latency.outcome": "cancelled"},
        links=links,
    )
    work.end(end_time=WALL + 9)
    root.end(end_time=WALL + 10)
    by_name = {record.name: record for record in records_of_spans(spans)}
    top = root.get_span_context().span_id
    assert by_name["root"].parent_id is None
    assert by_name["llm.generate.wait"].parent_id == top
    assert by_name["llm.generate.wait"].is_wait
    assert by_name["llm.generate"].links == (wait.get_span_context().span_id,)
    assert by_name["llm.generate"].outcome is Outcome.CANCELLED
    assert (by_name["llm.generate"].start_ns, by_name["llm.generate"].end_ns) == (WALL + 5, WALL + 9)
    assert critical_path(by_name.values()).by_part() == {
        "gap in root": 2,
        "queue wait before llm.generate": 4,
        "llm.generate": 4,
    }


def test_a_span_that_a_stepped_clock_ended_before_its_start_took_no_time(
    kept: tuple[Any, list[ReadableSpan]],
) -> None:
    tracer, spans = kept
    tracer.start_span("stepped", start_time=WALL).end(end_time=WALL - 5)
    (record,) = records_of_spans(spans)
    assert record.duration_ns == 0


def test_spans_of_several_traces_and_spans_that_run_are_told_apart(
    kept: tuple[Any, list[ReadableSpan]],
) -> None:
    tracer, spans = kept
    assert records_of_spans([tracer.start_span("runs")]) == ()
    tracer.start_span("a").end()
    tracer.start_span("b").end()
    with pytest.raises(UsageError, match="got 2 traces"):
        records_of_spans(spans)


def _measurement(name: str, start_ms: int, end_ms: int, **more: Any) -> Measurement:
    component, _, operation = name.rpartition(".")
    return Measurement(
        component=component,
        operation=operation,
        start_ns=start_ms * MS,
        end_ns=end_ms * MS,
        start_unix_nano=WALL + start_ms * MS,
        **more,
    )


MEASUREMENTS = [
    _measurement("db.query", 1, 4),
    _measurement("llm.generate.wait", 5, 7),
    _measurement("llm.generate", 7, 9, outcome=Outcome.ERROR),
    _measurement("web.request", 0, 10, span_id=1),
    _measurement("web.whole", 0, 10),
]


def test_measurements_are_nested_by_time_the_later_ended_of_equal_ones_outside() -> None:
    records = records_of_measurements(MEASUREMENTS)
    names = {record.span_id: record.name for record in records}
    assert len(names) == 5
    assert {record.name: names.get(record.parent_id or 0) for record in records} == {
        "web.whole": None,
        "web.request": "web.whole",
        "db.query": "web.request",
        "llm.generate.wait": "web.request",
        "llm.generate": "web.request",
    }
    assert next(record for record in records if record.name == "llm.generate").outcome is Outcome.ERROR
    assert critical_path(records).by_part() == {
        "gap in web.request": 3 * MS,
        "db.query": 3 * MS,
        "queue wait before llm.generate": 2 * MS,
        "llm.generate": 2 * MS,
    }


def test_stored_measurements_are_nested_as_those_in_memory() -> None:
    kept = [
        StoredMeasurement(
            start_unix_nano=one.start_unix_nano,
            component=one.component,
            operation=one.operation,
            duration_ns=one.duration_ns,
            metadata={"n": 1},
            outcome=one.outcome,
            span_id=one.span_id,
        )
        for one in MEASUREMENTS
    ]
    found = critical_path(records_of_stored(kept))
    assert found.by_part() == critical_path(records_of_measurements(MEASUREMENTS)).by_part()


def test_of_measurements_one_trace_is_taken() -> None:
    several = [_measurement("a.a", 0, 5, trace_id=7), _measurement("b.b", 0, 9, trace_id=8)]
    with pytest.raises(UsageError, match="got 2 traces; give trace_id="):
        records_of_measurements(several)
    assert [record.name for record in records_of_measurements(several, trace_id=7)] == ["a.a"]
    with pytest.raises(NoDataError, match="no measurement of that trace"):
        records_of_measurements(several, trace_id=9)


@pytest.mark.parametrize(
    ("name", "attributes", "is_wait"),
    [
        ("llm.generate.wait", {}, True),
        ("transcription.queue_wait", {}, True),
        ("capture.endpoint_wait", {}, False),
        ("capture.endpoint_wait", {"latency.wait": True}, True),
        ("tea.wait", {"latency.wait": False}, False),
    ],
)
def test_a_wait_is_told_by_its_attribute_else_by_its_name(
    name: str, attributes: dict[str, bool], is_wait: bool
) -> None:
    span = SpanRecord(name=name, span_id=1, start_ns=0, end_ns=1, attributes=attributes)
    assert span.is_wait is is_wait


def test_a_record_never_ends_before_it_starts_and_never_changes() -> None:
    with pytest.raises(UsageError, match="must not end before it starts"):
        SpanRecord(name="x", span_id=1, start_ns=1, end_ns=0)
    with pytest.raises(TypeError):
        SpanRecord(name="x", span_id=1, start_ns=0, end_ns=0).attributes["a"] = 1  # type: ignore[index]


@pytest.fixture
def run(kept: tuple[Any, list[ReadableSpan]]) -> Iterator[Callable[[Coroutine[Any, Any, None]], list[str]]]:
    """Run a program and return the parts of its critical path, in order."""
    tracer, spans = kept
    before, active.span_maker = active.span_maker, SpanMaker(tracer)

    def path_of(program: Coroutine[Any, Any, None]) -> list[str]:
        asyncio.run(program)
        return [segment.part for segment in critical_path(records_of_spans(spans)).segments]

    yield path_of
    active.span_maker = before


def test_what_measured_queues_record_in_a_real_program_is_explained(
    run: Callable[[Coroutine[Any, Any, None]], list[str]],
) -> None:
    async def program() -> None:
        queue: MeasuredAsyncQueue[str] = MeasuredAsyncQueue("llm", "generate")
        done, free = asyncio.Event(), asyncio.Event()

        async def worker() -> None:
            await free.wait()
            async with queue.work():
                done.set()

        working = asyncio.create_task(worker())
        async with latency_kit.measure_latency("web", "request"):
            async with latency_kit.measure_latency("web", "parse"):
                await queue.put("question")
            free.set()
            await done.wait()
            await working

    assert run(program()) == [
        "gap in web.request",
        "web.parse",
        "queue wait before llm.generate",
        "gap in web.request",
        "llm.generate",
        "gap in web.request",
    ]


def test_the_loser_of_a_real_race_is_not_on_the_path(
    run: Callable[[Coroutine[Any, Any, None]], list[str]],
) -> None:
    @latency_kit.measure_latency("model", "large")
    async def large() -> None:
        await asyncio.Event().wait()

    @latency_kit.measure_latency("model", "small")
    async def small() -> None:
        await asyncio.sleep(0)

    async def program() -> None:
        async with latency_kit.measure_latency("web", "request"):
            tasks = [asyncio.create_task(large()), asyncio.create_task(small())]
            _, losers = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for loser in losers:
                loser.cancel()
            await asyncio.wait(losers)

    assert run(program()) == ["gap in web.request", "model.small", "gap in web.request"]


def test_the_consumer_of_a_real_stream_interrupts_it(
    run: Callable[[Coroutine[Any, Any, None]], list[str]],
) -> None:
    @latency_kit.measure_latency("llm", "tokens")
    async def tokens() -> AsyncIterator[int]:
        for token in range(2):
            await asyncio.sleep(0)
            yield token

    async def program() -> None:
        async with latency_kit.measure_latency("web", "request"):
            async for _ in tokens():
                async with latency_kit.measure_latency("web", "show"):
                    await asyncio.sleep(0)

    assert run(program()) == [
        "gap in web.request",
        "llm.tokens",
        "web.show",
        "llm.tokens",
        "web.show",
        "llm.tokens",
        "gap in web.request",
    ]
