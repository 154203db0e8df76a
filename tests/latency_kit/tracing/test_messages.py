"""What arrives at a real OTLP receiver is the same under both providers, message for message.

Identifiers differ from run to run, so they are replaced by the order in which they appear.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
)

import latency_kit
from latency_kit import measure_latency
from latency_kit.configuration.activation import activate, activated, deactivate
from latency_kit.export import ExportSettings
from latency_kit.export.traces import build_trace_export
from latency_kit.measurement.active import active
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.recording import Recording
from latency_kit.measurement.spans import SpanMaker
from latency_kit.testing import FakeClock
from latency_kit.tracing import TracerProvider
from latency_kit.tracing.span_maker import OwnSpanMaker

RESOURCE = Resource({"service.name": "tests", "host.cpus": 4}, "https://schema/resource")
LIMITS = SpanLimits(max_span_attributes=4, max_events=2, max_links=2, max_attribute_length=40)
REMOTE = SpanContext(
    0x1234,
    0x5678,
    is_remote=True,
    trace_flags=TraceFlags(TraceFlags.SAMPLED),
    trace_state=TraceState([("k", "v")]),
)
START = 1_700_000_000_000_000_000


@pytest.fixture(params=["grpc", "http/protobuf"])
def protocol(request: pytest.FixtureRequest) -> str:
    return request.param


def normalised(otlp_receiver: Any) -> list[Any]:
    """Take the received requests, sorted, with identifiers replaced by their order; forget them."""
    spans = [
        (resource_spans.resource, resource_spans.schema_url, scope_spans.scope, scope_spans.schema_url, span)
        for request in otlp_receiver.trace_requests
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]
    spans.sort(key=lambda one: (one[4].start_time_unix_nano, one[4].end_time_unix_nano, one[4].name))
    known = {REMOTE.trace_id.to_bytes(16): b"remote trace", REMOTE.span_id.to_bytes(8): b"remote span"}
    for *_, span in spans:
        for message, field in [
            (span, "trace_id"),
            (span, "span_id"),
            *((link, "trace_id") for link in span.links),
            *((link, "span_id") for link in span.links),
        ]:
            known.setdefault(getattr(message, field), b"%s %d" % (field.encode(), len(known)))
    for *_, span in spans:
        for message in (span, *span.links):
            message.trace_id = known[message.trace_id]
            message.span_id = known[message.span_id]
        if span.parent_span_id:
            span.parent_span_id = known[span.parent_span_id]
    otlp_receiver.trace_requests.clear()
    return spans


def of_sdk(play: Callable[[Any], None], protocol: str, otlp_receiver: Any, **arguments: Any) -> list[Any]:
    """Play on the SDK's provider and return what has arrived."""
    exporter: Any = (
        GrpcExporter(endpoint=otlp_receiver.grpc_endpoint, insecure=True)
        if protocol == "grpc"
        else HttpExporter(endpoint=f"{otlp_receiver.http_endpoint}/v1/traces")
    )
    provider = SdkTracerProvider(resource=RESOURCE, shutdown_on_exit=False, **arguments)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    play(provider)
    provider.shutdown()
    return normalised(otlp_receiver)


def of_ours(play: Callable[[Any], None], protocol: str, otlp_receiver: Any, **arguments: Any) -> list[Any]:
    """Play on our provider and return what has arrived."""
    settings = ExportSettings.resolve(protocol=protocol, endpoint=otlp_receiver.endpoint(protocol))
    losses = Losses()
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False, **arguments)
    export = build_trace_export(settings, losses, provider=provider, shutdown_on_exit=False)
    play(export)
    assert export.shutdown(10)
    assert losses.counts() == {}
    return normalised(otlp_receiver)


def play_everything(provider: Any) -> None:
    """Make spans of all kinds with explicit times."""
    tracer = provider.get_tracer("tests", "1.0", "https://schema/scope", {"scope": "attribute"})
    other = provider.get_tracer("other")
    root = tracer.start_span("root", context=Context(), kind=SpanKind.SERVER, start_time=START)
    inside = trace.set_span_in_context(root, Context())
    values = {
        "str": "ü",
        "int": -1,
        "float": 0.5,
        "bool": True,
        "list": ["a", "b"],
        "empty": [],
        "bytes": b"b",
    }
    for number, kind in enumerate(SpanKind, 1):
        child = other.start_span(
            f"child {kind.name}", context=inside, kind=kind, attributes=values, start_time=START + number
        )
        child.end(end_time=START + 50 + number)
    child = tracer.start_span(
        "busy",
        context=inside,
        links=[Link(REMOTE, {"a": 1}), Link(root.get_span_context())],
        start_time=START + 10,
    )
    child.add_event("first", {"long": "x" * 100}, timestamp=START + 11)
    child.add_event("second", timestamp=START + 12)
    child.set_status(StatusCode.ERROR, "bad")
    child.update_name("renamed")
    child.end(end_time=START + 60)
    remote = tracer.start_span(
        "below remote",
        context=trace.set_span_in_context(NonRecordingSpan(REMOTE), Context()),
        start_time=START + 20,
    )
    below = tracer.start_span(
        "below that", context=trace.set_span_in_context(remote, Context()), start_time=START + 21
    )
    below.set_status(StatusCode.OK)
    below.end(end_time=START + 22)
    remote.end(end_time=START + 61)
    root.end(end_time=START + 100)


def as_sent_by(theirs: list[Any], ours: list[Any]) -> list[Any]:
    """Take away what older releases of the SDK leave out of messages: a scope's attributes and schema."""
    if not any(scope.attributes for _, _, scope, _, _ in theirs):
        assert any(scope.attributes for _, _, scope, _, _ in ours)
        for _, _, scope, _, _ in ours:
            scope.ClearField("attributes")
    if not any(schema_url for _, _, _, schema_url, _ in theirs):
        assert any(schema_url for _, _, _, schema_url, _ in ours)
        ours = [(resource, schema, scope, "", span) for resource, schema, scope, _, span in ours]
    return ours


def test_spans_of_all_kinds_arrive_alike(protocol: str, otlp_receiver: Any) -> None:
    theirs = of_sdk(play_everything, protocol, otlp_receiver)
    ours = of_ours(lambda export: play_everything(export.provider), protocol, otlp_receiver)
    assert len(theirs) == 9
    assert as_sent_by(theirs, ours) == theirs


def test_spans_beyond_their_limits_arrive_alike(otlp_receiver: Any) -> None:
    def play(provider: Any) -> None:
        play_everything(provider)
        span = provider.get_tracer("limits").start_span(
            "limits", context=Context(), attributes={str(n): n for n in range(6)}, start_time=START + 70
        )
        for number in range(4):
            span.add_event(str(number), {str(n): n for n in range(200)}, timestamp=START + 71)
            span.add_link(REMOTE)
        span.end(end_time=START + 72)

    theirs = of_sdk(play, "grpc", otlp_receiver, span_limits=LIMITS)
    ours = of_ours(lambda export: play(export.provider), "grpc", otlp_receiver, span_limits=LIMITS)
    assert as_sent_by(theirs, ours) == theirs


def measured_calls(clock: FakeClock) -> None:
    """Measure calls of every kind on a clock that moves by itself alone."""

    @measure_latency("shop", "pay")
    def pay(amount: int) -> int:
        clock.advance(ns=5)
        if amount < 0:
            raise ValueError("negative")
        return amount

    @measure_latency("shop", "order", attributes={"kind": "small", "list": ["a"]})
    async def order() -> None:
        clock.advance(ns=3)
        pay(1)
        with measure_latency("shop", "pack") as call:
            clock.advance(ns=2)
            call.set_attribute("items", 3)
            call.set_attributes({"fragile": True, "names": ["a", "b"]})
        with measure_latency("shop", "wrap", attributes={"paper": "red"}) as call:
            clock.advance(ns=2)
            trace.get_current_span().set_attribute("set on the span", 1)
            trace.get_current_span().add_event("torn", {"by": "cat"}, timestamp=START)
            call.set_attribute("set on the call", 2)
        with measure_latency("shop", "ship", attributes={"latency.component": "overridden"}) as call:
            clock.advance(ns=2)
            call.set_attribute("latency.operation", "overridden")

    asyncio.run(order())
    for _ in range(2):
        with pytest.raises(ValueError, match="negative"):
            pay(-1)
        clock.advance(ns=1)
    with contextlib.suppress(asyncio.CancelledError), measure_latency("shop", "wait") as call:
        call.set_attribute("added", "before the end")
        raise asyncio.CancelledError
    clock.advance(ns=1)
    with latency_kit.use_context(trace.set_span_in_context(NonRecordingSpan(REMOTE), Context())):
        pay(2)
    clock.advance(ns=1)
    latency_kit.record(
        "shop",
        "known later",
        start_ns=clock.monotonic_ns() - 1,
        end_ns=clock.monotonic_ns(),
        attributes={"a": 1},
    )
    clock.advance(ns=1)
    operation = latency_kit.begin("shop", "turn")
    operation.checkpoint("heard")
    operation.rename("question")
    clock.advance(ns=1)
    operation.end(outcome=latency_kit.Outcome.TIMED_OUT)


def without_stacks(spans: list[Any]) -> list[Any]:
    """Take away what differs by design: the lines of code between a call and its measured function."""
    for *_, span in spans:
        for event in span.events:
            for pair in event.attributes:
                if pair.key == "exception.stacktrace":
                    assert pair.value.string_value.startswith("Traceback")
                    pair.value.string_value = ""
    return spans


@pytest.fixture
def own_recording() -> Iterator[Callable[[TracerProvider, FakeClock], Recording]]:
    """Let call sites make spans by themselves on a provider of ours, as `configure()` does."""

    def wire(provider: TracerProvider, clock: FakeClock) -> Recording:
        recording = Recording(anchor=latency_kit.clock.WallAnchor.take(clock), losses=Losses())
        maker = OwnSpanMaker.of_own_provider(provider)
        activate(
            recording,
            clock=clock,
            anchor=latency_kit.clock.WallAnchor.take(clock),
            losses=Losses(),
            span_maker=maker,
            fast=maker.fast(clock.monotonic_ns),
        )
        return recording

    yield wire
    deactivate()


@pytest.mark.parametrize("limits", [SpanLimits(), LIMITS], ids=["default limits", "narrow limits"])
def test_measured_calls_arrive_alike(
    protocol: str, otlp_receiver: Any, own_recording: Any, limits: SpanLimits
) -> None:
    def on_sdk(provider: Any) -> None:
        clock = FakeClock(unix_nano=START, monotonic_ns=500)
        with activated(clock=clock):
            active.span_maker = SpanMaker.of_provider(provider)
            measured_calls(clock)

    def on_ours(export: Any) -> None:
        provider = export.provider
        clock = FakeClock(unix_nano=START, monotonic_ns=500)
        provider.set_up(
            resource=RESOURCE,
            span_limits=limits,
            anchor=latency_kit.clock.WallAnchor.take(clock),
            clock=clock.monotonic_ns,
        )
        recording = own_recording(provider, clock)
        recording.send_spans_to(export.put_many)
        provider.deliver_to(recording.append)
        measured_calls(clock)
        recording.drain()

    theirs = without_stacks(of_sdk(on_sdk, protocol, otlp_receiver, span_limits=limits))
    ours = without_stacks(of_ours(on_ours, protocol, otlp_receiver))
    assert len(theirs) == 11
    assert ours == theirs
