"""Settings: arguments win over variables, a signal's variable over the general one, mistakes are named."""

import pytest

from latency_kit.errors import ConfigurationError
from latency_kit.export.settings import ExportSettings, OtlpProtocol, Temporality

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def resolve(environ: dict[str, str] | None = None, **arguments: object) -> ExportSettings:
    return ExportSettings.resolve(environ=environ or {}, **arguments)  # type: ignore[arg-type]


def test_nothing_is_exported_unless_something_asks_for_it() -> None:
    settings = resolve()
    assert (settings.traces, settings.metrics) == (False, False)


@pytest.mark.parametrize(
    "environ",
    [
        {ENDPOINT: "http://collector:4317"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "console, OTLP"},
    ],
)
def test_a_general_variable_asks_for_both_signals(environ: dict[str, str]) -> None:
    settings = resolve(environ)
    assert (settings.traces, settings.metrics) == (True, True)


def test_an_endpoint_or_a_protocol_given_asks_for_both_signals() -> None:
    assert resolve(endpoint="http://collector:4317").traces
    assert resolve(protocol="grpc").metrics


def test_a_variable_of_one_signal_asks_for_that_one() -> None:
    settings = resolve({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4317"})
    assert (settings.traces, settings.metrics) == (True, False)
    settings = resolve({"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"})
    assert (settings.traces, settings.metrics) == (False, True)


@pytest.mark.parametrize("exporter", ["none", "console", "zipkin"])
def test_another_exporter_turns_a_signal_off(exporter: str) -> None:
    environ = {ENDPOINT: "http://collector:4317"}
    assert not resolve(environ | {"OTEL_TRACES_EXPORTER": exporter}).traces
    assert not resolve(environ | {"OTEL_METRICS_EXPORTER": exporter}).metrics


def test_an_argument_wins_over_the_exporter_variable() -> None:
    assert resolve({"OTEL_TRACES_EXPORTER": "none"}, traces=True).traces
    assert not resolve({"OTEL_TRACES_EXPORTER": "otlp"}, traces=False).traces


@pytest.mark.parametrize("value", ["true", "TRUE", " True "])
def test_sdk_disabled_turns_everything_off(value: str) -> None:
    settings = resolve({"OTEL_SDK_DISABLED": value}, traces=True, metrics=True)
    assert (settings.traces, settings.metrics) == (False, False)


def test_the_protocol_is_grpc_by_default_and_each_signal_may_have_its_own() -> None:
    assert resolve().traces_protocol is OtlpProtocol.GRPC
    environ = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc",
    }
    settings = resolve(environ)
    assert settings.protocol_of("traces") is OtlpProtocol.HTTP
    assert settings.protocol_of("metrics") is OtlpProtocol.GRPC
    assert resolve(environ, protocol="grpc").traces_protocol is OtlpProtocol.GRPC


def test_temporality_comes_from_argument_then_variable() -> None:
    name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
    assert resolve().temporality is Temporality.CUMULATIVE
    assert resolve({name: "Delta"}).temporality is Temporality.DELTA
    assert resolve({name: "lowmemory"}).temporality is Temporality.DELTA
    assert resolve({name: "delta"}, temporality="cumulative").temporality is Temporality.CUMULATIVE


def test_intervals_and_sizes_come_from_the_variables_in_their_units() -> None:
    settings = resolve(
        {
            "OTEL_METRIC_EXPORT_INTERVAL": "1500",
            "OTEL_BSP_SCHEDULE_DELAY": "250",
            "OTEL_BSP_MAX_QUEUE_SIZE": "10",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4",
        }
    )
    assert settings.metric_interval_s == 1.5
    assert settings.span_interval_s == 0.25
    assert settings.span_queue_size == 10
    assert settings.span_batch_size == 4


def test_the_intervals_are_those_of_the_specification_and_the_span_queue_holds_eight_times_as_many() -> None:
    settings = resolve()
    assert settings.metric_interval_s == 60
    assert settings.span_interval_s == 5
    assert settings.span_queue_size == 16_384
    assert settings.span_batch_size == 2048


def test_an_empty_variable_counts_as_unset() -> None:
    settings = resolve({ENDPOINT: "", "OTEL_EXPORTER_OTLP_PROTOCOL": " ", "OTEL_BSP_MAX_QUEUE_SIZE": ""})
    assert not settings.traces
    assert settings.span_queue_size == 16_384


def test_header_names_become_lower_case() -> None:
    assert resolve(headers={"Authorization": "Bearer x"}).headers == {"authorization": "Bearer x"}


def test_endpoints_lose_their_trailing_slash() -> None:
    assert resolve(endpoint="http://collector:4318/").endpoint == "http://collector:4318"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"protocol": "http/json"}, "protocol"),
        ({"endpoint": "collector:4317"}, "endpoint"),
        ({"endpoint": "ftp://collector"}, "endpoint"),
        ({"endpoint": ""}, "endpoint"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"metric_interval_s": -1}, "metric_interval_s"),
        ({"metric_interval_s": float("nan")}, "metric_interval_s"),
        ({"exit_timeout_s": float("inf")}, "exit_timeout_s"),
        ({"compression": "brotli"}, "compression"),
        ({"temporality": "sometimes"}, "temporality"),
        ({"headers": {"a": 1}}, "headers"),
    ],
)
def test_a_mistaken_argument_is_named(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        resolve(**arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "carrier pigeon"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "sometimes"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "often"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-5"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1.5"),
    ],
)
def test_a_mistaken_variable_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}='{value}'"):
        resolve({name: value})
