"""Measured calls on our own provider: one record each, for histograms and export, whatever surrounds them."""

import asyncio
import contextlib
import contextvars
import logging
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_OFF, ParentBased, TraceIdRatioBased

import latency_kit
from latency_kit import Outcome, UsageError, measure_latency
from latency_kit.configuration.activation import deactivate
from latency_kit.measurement.active import active


def test_functions_coroutines_and_blocks_are_each_one_span_and_one_count(kit: Any) -> None:
    @measure_latency("a", "function")
    def function() -> int:
        kit.clock.advance(ns=5)
        return 7

    @measure_latency("a", "coroutine")
    async def coroutine() -> int:
        with measure_latency("a", "block"):
            kit.clock.advance(ns=3)
        return function()

    assert active.fast is not None
    assert asyncio.run(coroutine()) == 7
    assert kit.counts == {
        ("a.block", Outcome.OK): 1,
        ("a.coroutine", Outcome.OK): 1,
        ("a.function", Outcome.OK): 1,
    }
    assert len(kit.sent) == 3
    spans = kit.spans
    assert {name: span.end_time - span.start_time for name, span in spans.items() if span.end_time} == {
        "a.block": 3,
        "a.function": 5,
        "a.coroutine": 8,
    }
    assert spans["a.coroutine"].parent is None
    assert spans["a.block"].parent == spans["a.function"].parent == spans["a.coroutine"].context


def test_the_current_span_is_restored_however_a_call_ends(kit: Any) -> None:
    @measure_latency("a", "fails")
    def fails() -> None:
        raise ValueError("no")

    @measure_latency("a", "is cancelled")
    async def is_cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(ValueError, match="no"):
        fails()
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(is_cancelled())
    with pytest.raises(ValueError, match="no"), measure_latency("a", "block"):
        raise ValueError("no")
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert kit.counts == {
        ("a.block", Outcome.ERROR): 1,
        ("a.fails", Outcome.ERROR): 1,
        ("a.is cancelled", Outcome.CANCELLED): 1,
    }
    assert kit.spans["a.fails"].attributes["error.type"] == "ValueError"
    assert kit.spans["a.is cancelled"].attributes["latency.outcome"] == "cancelled"


def test_other_instrumentation_meets_the_spans_of_measured_calls(kit: Any) -> None:
    tracer = kit.provider.get_tracer("other")
    with tracer.start_as_current_span("above"), measure_latency("a", "measured"):
        trace.get_current_span().set_attribute("from outside", 1)
        tracer.start_span("below").end()
    spans = kit.spans
    assert spans["a.measured"].parent == spans["above"].context
    assert spans["below"].parent == spans["a.measured"].context
    assert dict(spans["a.measured"].attributes) == {
        "latency.component": "a",
        "latency.operation": "measured",
        "from outside": 1,
    }
    assert kit.counts == {("a.measured", Outcome.OK): 1}


def test_attributes_of_a_block_stand_in_span_and_measurement(kit: Any) -> None:
    told: list[Any] = []
    kit.recording.observe_entries(told.extend)
    with measure_latency("a", "b", attributes={"fixed": 1}) as call:
        assert trace.get_current_span().attributes["fixed"] == 1  # type: ignore[attr-defined]  # readable
        call.set_attribute("added", [1, 2])
        call.set_attribute("unfit", object())  # type: ignore[arg-type]  # what this test is about
    call.set_attribute("late", 1)
    assert dict(kit.spans["a.b"].attributes)["added"] == [1, 2]
    assert dict(kit.recording.measurement_of(told[0]).attributes) == {"fixed": 1, "added": [1, 2]}
    assert active.losses.counts() == {"attributes_dropped": 1}


def test_one_measure_latency_may_measure_one_block_after_another_but_not_two_at_once(kit: Any) -> None:
    block = measure_latency("a", "b", attributes={"fixed": 1})
    for number in range(2):
        with block as call:
            call.set_attribute("number", number)
    with block, pytest.raises(UsageError, match="already measuring"):
        block.__enter__()
    kit.recording.drain()
    assert [dict(span.attributes).get("number") for span in kit.sent] == [0, 1, None]
    assert all(span.attributes["fixed"] == 1 for span in kit.sent)


def test_a_blocks_traceparent_is_its_spans(kit: Any) -> None:
    with measure_latency("a", "b") as call:
        assert call.traceparent == latency_kit.traceparent()
        assert call.span is trace.get_current_span()
    context = kit.spans["a.b"].context
    assert call.traceparent == f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def test_what_else_is_in_the_context_stays_there(kit: Any) -> None:
    key = context_api.create_key("baggage")

    @measure_latency("a", "inner")
    def inner() -> object:
        return context_api.get_value(key)

    token = context_api.attach(context_api.set_value(key, "kept"))
    try:
        with measure_latency("a", "outer"):
            assert inner() == "kept"
    finally:
        context_api.detach(token)
    assert kit.spans["a.inner"].parent == kit.spans["a.outer"].context


def test_calls_of_suppressed_instrumentation_are_counted_and_make_no_span(kit: Any) -> None:
    token = context_api.attach(context_api.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        with measure_latency("a", "b") as call:
            assert call.traceparent == ""
    finally:
        context_api.detach(token)
    assert kit.spans == {}
    assert kit.counts == {("a.b", Outcome.OK): 1}


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, DEFAULT_OFF, ParentBased(TraceIdRatioBased(0))])
def test_calls_that_are_sampled_out_are_counted_and_lead_to_no_trace(wire: Any, sampler: Any) -> None:
    with wire(sampler=sampler) as kit:
        with measure_latency("a", "outer") as outer, measure_latency("a", "inner") as inner:
            pass
        assert outer.traceparent.endswith("-00") or outer.traceparent.endswith("-02")
        assert outer.traceparent[:36] == inner.traceparent[:36]
        assert kit.spans == {}
        assert kit.counts == {("a.inner", Outcome.OK): 1, ("a.outer", Outcome.OK): 1}
        assert all(series.exemplars == () for series in kit.recording.snapshot())


def test_a_slow_call_leads_to_its_trace(kit: Any) -> None:
    for duration_ns in (5, 50, 7):
        with measure_latency("a", "b"):
            kit.clock.advance(ns=duration_ns)
    (series,) = kit.recording.snapshot()
    slowest = max(kit.sent, key=lambda span: (span.end_ns or 0) - span.start_ns)
    assert series.exemplars[0].value_ns == 50
    assert series.exemplars[0].span_id == slowest.context.span_id


def test_a_processor_that_is_added_is_told_of_measured_calls_from_then_on(kit: Any) -> None:
    told: list[tuple[str, str, Any]] = []

    class Teller(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            told.append(("start", span.name, dict(span.attributes)))

        def on_end(self, span: Any) -> None:
            told.append(("end", span.name, span.end_time - span.start_time))

    @measure_latency("a", "b", attributes={"fixed": 1})
    def call() -> None:
        kit.clock.advance(ns=5)

    call()
    exporter = InMemorySpanExporter()
    kit.provider.add_span_processor(Teller())
    kit.provider.add_span_processor(SimpleSpanProcessor(exporter))
    call()
    began_with = {"latency.component": "a", "latency.operation": "b", "fixed": 1}
    assert told == [("start", "a.b", began_with), ("end", "a.b", 5)]
    assert [span.name for span in exporter.get_finished_spans()] == ["a.b"]
    assert kit.counts == {("a.b", Outcome.OK): 2}
    assert len(kit.sent) == 2


def test_a_processor_that_raises_never_reaches_the_measured_code(wire: Any) -> None:
    class Broken(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            raise RuntimeError("start")

        def on_end(self, span: Any) -> None:
            raise RuntimeError("end")

    with wire() as kit:
        with measure_latency("a", "open when it is added"):
            kit.provider.add_span_processor(Broken())
        with measure_latency("a", "later"):
            pass
        assert active.losses.counts() == {"spans_failed": 1}
        assert sum(kit.counts.values()) == 2


def test_a_coroutine_that_is_thrown_away_in_another_context_ends_quietly(
    kit: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @measure_latency("a", "b")
    async def waits() -> None:
        await asyncio.sleep(0)

    coroutine = waits()
    coroutine.send(None)
    with caplog.at_level(logging.WARNING):
        contextvars.Context().run(coroutine.close)
    # Left behind by the half-run coroutine in this context, where a task would have ended.
    context_api.attach(Context())
    assert kit.counts == {("a.b", Outcome.CANCELLED): 1}
    assert caplog.records == []


def test_spans_made_under_another_runtime_context_nest(wire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stack:
        def __init__(self) -> None:
            self.contexts = [Context()]

        def attach(self, context: Context) -> Any:
            self.contexts.append(context)
            return object()

        def get_current(self) -> Context:
            return self.contexts[-1]

        def detach(self, token: Any) -> None:
            self.contexts.pop()

    monkeypatch.setattr(context_api, "_RUNTIME_CONTEXT", Stack())
    with wire() as kit:
        assert active.fast is None
        with measure_latency("a", "outer"), measure_latency("a", "inner"):
            pass
        assert kit.spans["a.inner"].parent == kit.spans["a.outer"].context


def test_calls_that_are_open_when_recording_ends_end_unrecorded(kit: Any) -> None:
    with measure_latency("a", "b"):
        deactivate()
    assert kit.counts == {}
    assert trace.get_current_span() is trace.INVALID_SPAN
