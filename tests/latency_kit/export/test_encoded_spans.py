"""Spans are encoded once, off the path, and what cannot be encoded costs only itself."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common import trace_encoder
from opentelemetry.sdk.resources import Resource

from latency_kit.export import ExportSettings, span_queue, traces
from latency_kit.export.encoded_spans import EncodedSpans, EncodingFailures, encode
from latency_kit.export.sending import span_exporter_of, takes_encoded_spans
from latency_kit.export.traces import TraceExport, build_trace_export
from latency_kit.measurement.losses import Losses
from latency_kit.tracing import TracerProvider

PROTOCOLS = ["grpc", "http/protobuf"]


@pytest.fixture
def provider() -> TracerProvider:
    return TracerProvider(shutdown_on_exit=False)


@pytest.fixture
def ended(provider: TracerProvider) -> list[Any]:
    """The spans that have ended, in order."""
    received: list[Any] = []
    provider.deliver_to(received.append)
    return received


def end_spans(provider: TracerProvider, *names: str) -> None:
    for name in names:
        provider.get_tracer("tests").start_span(name, context=Context()).end()


@pytest.fixture(params=PROTOCOLS)
def export(request: pytest.FixtureRequest, otlp_receiver: Any, losses: Losses) -> Iterator[TraceExport]:
    endpoint = otlp_receiver.endpoint(request.param)
    settings = ExportSettings.resolve(protocol=request.param, endpoint=endpoint, timeout_s=10)
    made = build_trace_export(settings, losses, shutdown_on_exit=False)
    yield made
    made.shutdown(10)


def test_the_standard_exporters_send_encoded_spans_as_they_are(
    export: TraceExport, otlp_receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(spans: object) -> None:
        raise AssertionError("encoded a second time")

    for module in (
        "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
        "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    ):
        monkeypatch.setattr(f"{module}.encode_spans", refuse)
    monkeypatch.setattr(trace_encoder, "encode_spans", refuse)
    end_spans(export.provider, "one")
    assert export.flush(10)
    assert otlp_receiver.span_named("one")


def test_a_batch_is_made_into_a_message_once_however_often_it_is_sent(
    export: TraceExport, otlp_receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    made_by = EncodedSpans._resource_spans
    monkeypatch.setattr(EncodedSpans, "_resource_spans", lambda self: made.append(self) or made_by(self))
    otlp_receiver.refusals = 1
    end_spans(export.provider, "one")
    assert export.flush(10)
    assert otlp_receiver.refused == 1
    assert len(made) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_exporter_of_the_installed_release_takes_encoded_spans(protocol: str) -> None:
    exporter = span_exporter_of(ExportSettings.resolve(protocol=protocol, endpoint="http://127.0.0.1:9"))
    assert takes_encoded_spans(exporter)
    assert not takes_encoded_spans(object())
    exporter.shutdown()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_exporter_that_takes_only_spans_is_given_spans(
    protocol: str, otlp_receiver: Any, losses: Losses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "takes_encoded_spans", lambda exporter: False)
    settings = ExportSettings.resolve(protocol=protocol, endpoint=otlp_receiver.endpoint(protocol))
    export = build_trace_export(settings, losses, shutdown_on_exit=False)
    end_spans(export.provider, "put")
    received: list[Any] = []
    export.provider.deliver_to(received.append)
    end_spans(export.provider, "put with others", "of them")
    export.put_many(received)
    assert export.shutdown(10)
    assert [span.name for span in otlp_receiver.spans()] == ["put", "put with others", "of them"]
    assert losses.counts() == {}


def test_a_span_that_cannot_be_encoded_costs_only_itself(
    export: TraceExport, otlp_receiver: Any, losses: Losses
) -> None:
    received: list[Any] = []
    tracer = export.provider.get_tracer("tests")
    end_spans(export.provider, "good", "bad \ud800")
    export.provider.deliver_to(received.append)
    end_spans(export.provider, "worse \ud800", "better")
    tracer.start_span("before 1970", context=Context(), start_time=-5).end(end_time=1)
    export.put_many(received)
    export.flush(10)
    assert sorted(span.name for span in otlp_receiver.spans()) == ["better", "good"]
    assert losses.counts() == {"spans_not_exported": 3}


def test_an_attribute_that_cannot_be_encoded_is_lost_alone_wherever_it_stands(
    provider: TracerProvider, ended: list[Any]
) -> None:
    span = provider.get_tracer("tests").start_span("one", context=Context(), attributes={"a": 2**70, "b": 1})
    span.add_event("event", {"c": 2**70, "d": [1, 2**70]})
    span.end()
    failures = EncodingFailures()
    (encoded,) = (
        EncodedSpans(encode(ended, failures), failures).request.resource_spans[0].scope_spans[0].spans
    )
    assert [pair.key for pair in encoded.attributes] == ["b"]
    assert [list(event.attributes) for event in encoded.events] == [[]]
    assert len(failures.attributes) == 3
    assert not failures.spans


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, 1.0), (0.0, -0.0), ("1", 1)])
def test_values_that_are_equal_and_not_the_same_stay_apart(
    provider: TracerProvider, ended: list[Any], one: Any, other: Any, otlp: Any
) -> None:
    tracer = provider.get_tracer("tests")
    for value in (one, other, one):
        tracer.start_span("one", context=Context(), attributes={"a": value}).end()
    failures = EncodingFailures()
    spans = EncodedSpans(encode(ended, failures), failures).request.resource_spans[0].scope_spans[0].spans
    found = [otlp.attributes_of(span.attributes)["a"] for span in spans]
    assert list(map(repr, found)) == list(map(repr, (one, other, one)))


def test_spans_of_several_tracers_and_providers_go_under_their_own_names(ended: list[Any]) -> None:
    for service in ("first", "second"):
        provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
        provider.deliver_to(ended.append)
        for scope in ("a", "b"):
            provider.get_tracer(scope).start_span(f"{service} {scope}", context=Context()).end()
    failures = EncodingFailures()
    request = EncodedSpans(encode(ended, failures), failures).request
    assert [
        (
            resource.resource.attributes[0].value.string_value,
            scope.scope.name,
            [span.name for span in scope.spans],
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
    ] == [
        ("first", "a", ["first a"]),
        ("first", "b", ["first b"]),
        ("second", "a", ["second a"]),
        ("second", "b", ["second b"]),
    ]


def test_a_request_is_bounded_in_bytes_as_in_spans(
    export: TraceExport, otlp_receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span_queue, "_LARGEST_REQUEST", 10_000)
    received: list[Any] = []
    export.provider.deliver_to(received.append)
    for _ in range(20):
        end_spans(export.provider, "x" * 3_000)
        export.put_many(received)
        received.clear()
    assert export.flush(10)
    assert len(otlp_receiver.spans()) == 20
    assert max(request.ByteSize() for request in otlp_receiver.trace_requests) < 14_000


def test_what_finds_no_room_in_the_queue_is_dropped_and_counted(
    otlp_receiver: Any, losses: Losses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
    otlp_receiver.hang()
    settings = ExportSettings.resolve(protocol="grpc", endpoint=otlp_receiver.grpc_endpoint, timeout_s=60)
    export = build_trace_export(settings, losses, shutdown_on_exit=False)
    received: list[Any] = []
    export.provider.deliver_to(received.append)
    end_spans(export.provider, *map(str, range(25)))
    export.put_many(received[:7])
    export.put_many(received[7:])
    assert losses.counts() == {"spans_dropped": 15}
    otlp_receiver.release.set()
    assert export.shutdown(10)
    assert [span.name for span in otlp_receiver.spans()] == list(map(str, range(10)))
