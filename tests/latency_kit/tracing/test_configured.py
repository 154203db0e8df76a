"""`configure()` installs our provider once, sets it up anew each time, and leaves the program's own alone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once

import latency_kit
from latency_kit import measure_latency
from latency_kit.configuration import exports
from latency_kit.measurement.active import active, installed_provider
from latency_kit.tracing import TracerProvider

Configure = Callable[..., latency_kit.Telemetry]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, otlp_receiver: Any) -> Iterator[Configure]:
    """Configure an export to the receiver, as in a process in which no provider was installed yet."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(exports, "_installed", [])
    monkeypatch.setattr(active, "idle_provider", None)
    made: list[latency_kit.Telemetry] = []

    def configure(**settings: Any) -> latency_kit.Telemetry:
        settings = {"protocol": "grpc", "endpoint": otlp_receiver.grpc_endpoint, "metrics": False, **settings}
        made.append(latency_kit.configure(**settings))
        return made[-1]

    yield configure
    for telemetry in made:
        telemetry.shutdown()


def test_measured_calls_and_the_spans_of_others_arrive_in_one_trace(
    configure: Configure, otlp: Any, otlp_receiver: Any
) -> None:
    telemetry = configure(service_name="shop")
    assert isinstance(trace.get_tracer_provider(), TracerProvider)
    with measure_latency("shop", "pay") as call, trace.get_tracer("other").start_as_current_span("query"):
        pass
    assert telemetry.flush()
    pay, query = otlp_receiver.span_named("shop.pay"), otlp_receiver.span_named("query")
    assert pay.trace_id == query.trace_id
    assert query.parent_span_id == pay.span_id
    assert call.traceparent.split("-")[1] == pay.trace_id.hex()
    assert {resource["service.name"] for resource, _ in otlp_receiver.spans_with_resources()} == {"shop"}
    (measured,) = telemetry.recent()
    assert (measured.trace_id, measured.span_id) == (
        int.from_bytes(pay.trace_id),
        int.from_bytes(pay.span_id),
    )
    assert telemetry.losses() == {}


def test_a_second_configuration_goes_on_with_the_same_provider(
    configure: Configure, otlp_receiver: Any
) -> None:
    tracer = trace.get_tracer("held from before")
    for name in ("first", "second"):
        with configure(service_name=name), tracer.start_as_current_span(name), measure_latency("a", name):
            pass
    sent = {span.name: resource["service.name"] for resource, span in otlp_receiver.spans_with_resources()}
    assert sent == {"first": "first", "a.first": "first", "second": "second", "a.second": "second"}


def test_after_the_shutdown_measured_calls_make_no_spans_and_those_of_others_are_counted(
    configure: Configure,
) -> None:
    telemetry = configure()
    telemetry.shutdown()
    assert installed_provider() is None
    with measure_latency("a", "b") as call:
        assert call.traceparent == ""
    trace.get_tracer("other").start_span("late").end()
    assert telemetry.losses() == {"spans_dropped": 1}


def test_a_configuration_without_spans_leaves_the_idle_provider_idle(configure: Configure) -> None:
    configure().shutdown()
    with latency_kit.configure() as telemetry:
        with measure_latency("a", "b") as call:
            assert call.traceparent == ""
        assert telemetry.recent()[0].trace_id is None


def test_a_provider_that_the_program_has_installed_is_used_and_kept(
    configure: Configure, otlp_receiver: Any
) -> None:
    exporter = InMemorySpanExporter()
    own = SdkTracerProvider(shutdown_on_exit=False)
    own.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(own)
    telemetry = configure()
    with measure_latency("a", "b"):
        pass
    assert [span.name for span in exporter.get_finished_spans()] == ["a.b"]
    assert trace.get_tracer_provider() is own
    telemetry.shutdown()
    assert otlp_receiver.spans() == []


def test_our_provider_works_where_the_program_installs_it_by_itself(configure: Configure) -> None:
    exporter = InMemorySpanExporter()
    own = TracerProvider(shutdown_on_exit=False)
    own.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(own)
    with measure_latency("a", "outer"), measure_latency("a", "inner"):
        pass
    inner, outer = exporter.get_finished_spans()
    assert inner.parent == outer.context


def test_a_burst_of_calls_arrives_whole(configure: Configure, otlp_receiver: Any) -> None:
    telemetry = configure()

    @measure_latency("a", "b")
    def call() -> None: ...

    for _ in range(10_000):
        call()
    assert telemetry.flush(10)
    spans = otlp_receiver.spans()
    assert len({span.span_id for span in spans}) == len(spans) == 10_000
    assert telemetry.snapshot()[0].histogram.count == 10_000
    assert telemetry.losses() == {}
