"""What a real OTLP receiver gets of our spans is what was measured."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from latency_kit.export import ExportSettings
from latency_kit.measurement.losses import Losses

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

from latency_kit.export.process_resource import ProcessResource
from latency_kit.export.sending import Sender
from latency_kit.export.traces import TraceExport, build_trace_export, build_unexported_provider

START = 1_700_000_000_000_000_000
MS = 1_000_000


@pytest.fixture(params=["grpc", "http/protobuf"])
def protocol(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def make_export(otlp_receiver: Any, losses: Losses) -> Iterator[Callable[..., TraceExport]]:
    made: list[TraceExport] = []

    def make(**settings: object) -> TraceExport:
        made.append(build_trace_export(ExportSettings.resolve(**settings), losses, shutdown_on_exit=False))
        return made[-1]

    yield make
    # The receiver is torn down after this, so that no request is cut off and tried again.
    for export in made:
        export.shutdown(10)


def test_spans_keep_explicit_times_and_parents(
    protocol: str, make_export: Any, otlp: Any, otlp_receiver: Any, losses: Losses
) -> None:
    export = make_export(
        protocol=protocol, endpoint=otlp_receiver.endpoint(protocol), service_name="assistant"
    )
    tracer = export.provider.get_tracer("latency_kit")
    turn = tracer.start_span("turn", start_time=START)
    inside = trace.set_span_in_context(turn, context_api.Context())
    answer = tracer.start_span("answer", context=inside, start_time=START + MS, attributes={"model": "tiny"})
    answer.end(end_time=START + 3 * MS)
    turn.end(end_time=START + 4 * MS)
    assert export.flush(10)

    received_turn, received_answer = otlp_receiver.span_named("turn"), otlp_receiver.span_named("answer")
    assert received_turn.start_time_unix_nano == START
    assert received_turn.end_time_unix_nano == START + 4 * MS
    assert received_answer.start_time_unix_nano == START + MS
    assert received_answer.end_time_unix_nano == START + 3 * MS
    assert received_turn.parent_span_id == b""
    assert received_answer.parent_span_id == received_turn.span_id
    assert received_answer.trace_id == received_turn.trace_id
    assert received_turn.trace_id.hex() == f"{turn.get_span_context().trace_id:032x}"
    assert otlp.attributes_of(received_answer.attributes) == {"model": "tiny"}
    resource, _ = otlp_receiver.spans_with_resources()[0]
    assert resource["service.name"] == "assistant"
    assert resource["telemetry.distro.name"] == "latency-kit"
    assert resource["telemetry.distro.version"]
    assert resource["service.instance.id"]
    assert losses.counts() == {}


def test_every_span_arrives_once_when_there_are_many_batches(
    make_export: Any, otlp_receiver: Any, losses: Losses
) -> None:
    export = make_export(protocol="grpc", endpoint=otlp_receiver.grpc_endpoint)
    tracer = export.provider.get_tracer("latency_kit")
    for number in range(5000):
        tracer.start_span(f"span {number}").end()
    assert export.shutdown(10)

    assert sorted(span.name for span in otlp_receiver.spans()) == sorted(f"span {n}" for n in range(5000))
    assert max(len(r.resource_spans[0].scope_spans[0].spans) for r in otlp_receiver.trace_requests) <= 2048
    assert losses.counts() == {}


def test_explicit_headers_and_gzip_reach_the_collector(
    protocol: str, make_export: Any, otlp_receiver: Any
) -> None:
    export = make_export(
        protocol=protocol,
        endpoint=otlp_receiver.endpoint(protocol),
        headers={"X-Tenant": "north"},
        compression="gzip",
    )
    export.provider.get_tracer("latency_kit").start_span("one").end()
    assert export.flush(10)

    assert otlp_receiver.headers[0]["x-tenant"] == "north"
    if protocol == "http/protobuf":
        assert otlp_receiver.headers[0]["content-encoding"] == "gzip"


def test_the_standard_variables_alone_are_enough(
    protocol: str, make_export: Any, otlp: Any, otlp_receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", otlp_receiver.endpoint(protocol))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=south")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "7")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from the environment")
    monkeypatch.setenv(
        "OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.instance.id=mine"
    )
    export = make_export()
    export.provider.get_tracer("latency_kit").start_span("one").end()
    assert export.flush(10)

    ((resource, _),) = otlp_receiver.spans_with_resources()
    assert resource["service.name"] == "from the environment"
    assert resource["deployment.environment.name"] == "test"
    assert resource["service.instance.id"] == "mine"
    assert otlp_receiver.headers[0]["x-tenant"] == "south"


def test_the_variable_of_the_signal_wins_over_the_general_one(
    make_export: Any, otlp_receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{otlp_receiver.http_endpoint}/v1/traces")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")
    export = make_export()
    export.provider.get_tracer("latency_kit").start_span("one").end()
    assert export.flush(10)
    assert otlp_receiver.span_named("one")


def test_the_sampler_variable_is_obeyed_and_unsampled_spans_are_no_loss(
    make_export: Any, otlp_receiver: Any, losses: Losses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    export = make_export(protocol="grpc", endpoint=otlp_receiver.grpc_endpoint)
    export.provider.get_tracer("latency_kit").start_span("one").end()
    assert export.flush(10)
    assert otlp_receiver.spans() == []
    assert losses.counts() == {}


def test_the_batch_delay_variable_paces_the_export(
    make_export: Any, otlp_receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    export = make_export(protocol="grpc", endpoint=otlp_receiver.grpc_endpoint)
    export.provider.get_tracer("latency_kit").start_span("one").end()
    otlp_receiver.wait_for(lambda: otlp_receiver.trace_requests)


def test_a_full_batch_leaves_before_the_delay_is_over(
    make_export: Any, otlp_receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "3")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
    export = make_export(protocol="grpc", endpoint=otlp_receiver.grpc_endpoint)
    for _ in range(3):
        export.provider.get_tracer("latency_kit").start_span("one").end()
    otlp_receiver.wait_for(lambda: len(otlp_receiver.spans()) == 3)


def test_an_attribute_that_otlp_cannot_carry_costs_only_itself(
    protocol: str, make_export: Any, otlp: Any, otlp_receiver: Any, losses: Losses
) -> None:
    export = make_export(protocol=protocol, endpoint=otlp_receiver.endpoint(protocol))
    span = export.provider.get_tracer("latency_kit").start_span("one")
    span.set_attribute("object", object())
    span.set_attribute("huge", 2**70)
    span.set_attribute("good", 1)
    span.end()
    assert export.flush(10)

    received = otlp.attributes_of(otlp_receiver.span_named("one").attributes)
    # What becomes of the object (left out, or sent as null) is the SDK's choice and differs by version.
    received.pop("object", None)
    assert received == {"good": 1}
    assert losses.counts() == {"attributes_not_exported": 1}


def test_a_span_that_ends_after_shutdown_is_counted(
    make_export: Any, otlp_receiver: Any, losses: Losses
) -> None:
    export = make_export(protocol="grpc", endpoint=otlp_receiver.grpc_endpoint)
    span = export.provider.get_tracer("latency_kit").start_span("late")
    assert export.shutdown(10)
    span.end()
    assert losses.counts() == {"spans_dropped": 1}


def test_an_unexported_provider_gives_spans_identity_and_sends_nothing(otlp_receiver: Any) -> None:
    provider = build_unexported_provider(ProcessResource(ExportSettings.resolve(service_name="assistant")))
    with provider.get_tracer("latency_kit").start_as_current_span("one") as span:
        assert span.get_span_context().is_valid
    assert provider.resource.attributes["service.name"] == "assistant"
    provider.shutdown()
    assert otlp_receiver.spans() == []


def test_our_own_requests_make_no_spans(make_export: Any, otlp_receiver: Any) -> None:
    seen: list[object] = []

    class Watcher:
        def export(self, batch: object) -> object:
            seen.append(context_api.get_value(_SUPPRESS_INSTRUMENTATION_KEY))
            raise RuntimeError("enough seen")

        def shutdown(self) -> None:
            pass

    losses = Losses()
    assert not Sender(Watcher, loss_kind="spans_not_exported", losses=losses).send([1, 2], 2)
    assert seen == [True]
    assert context_api.get_value(_SUPPRESS_INSTRUMENTATION_KEY) is None
    assert losses.counts() == {"spans_not_exported": 2}
