"""What is exported, where to and how often: from explicit arguments first, then the `OTEL_*` variables.

Only what this floor decides by itself is read here. What the standard exporters and the SDK read
(endpoints, headers, certificates, timeouts, compression, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
`OTEL_TRACES_SAMPLER`, span limits) stays theirs, and a None here leaves it to them.
Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

from latency_kit.errors import ConfigurationError
from latency_kit.measurement.measurement import AttributeValue

__all__ = ["Compression", "ExportSettings", "OtlpProtocol", "Signal", "Temporality"]

Signal = Literal["traces", "metrics"]
Compression = Literal["none", "gzip"]

_SPAN_QUEUE_SIZE = 16_384
_SPAN_BATCH_SIZE = 2048
"""Our defaults, where the specification has 2048 and 512 for spans that wait as objects. Ours wait encoded,
some 130 bytes each. At 10 000 spans a second its queue would be full in 0.2 s and its batches would make 20
requests a second."""

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


class OtlpProtocol(StrEnum):
    """How OTLP messages travel."""

    GRPC = "grpc"
    HTTP = "http/protobuf"


class Temporality(StrEnum):
    """Whether a metric point counts since the start of the process or since the previous point."""

    CUMULATIVE = "cumulative"
    DELTA = "delta"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """Everything that building the exports takes; made by `resolve`.

    * Explicit arguments win over variables, a signal's own variable over the general one.
    * A None leaves the setting to the exporter, which reads its own variables.
    * `headers` has lower-case names, which gRPC asks for and HTTP permits.

    Attributes:
        traces: Whether spans are exported.
        metrics: Whether metrics are exported.
        traces_protocol: How spans travel.
        metrics_protocol: How metrics travel.
        endpoint: Base address, such as "http://collector:4317"; HTTP appends `/v1/traces`, `/v1/metrics`.
        headers: To send with each request.
        timeout_s: For one request with its retries, in seconds.
        insecure: Whether gRPC goes without TLS; by default so with an `http://` endpoint.
        compression: Of requests.
        service_name: The `service.name` of the resource.
        resource_attributes: More attributes of the resource.
        temporality: Of the metrics.
        metric_interval_s: Time between two exports of metrics, in seconds.
        span_interval_s: The longest that a finished span waits for its export, in seconds.
        span_queue_size: Finished spans that may wait; more are dropped and counted.
        span_batch_size: The most spans in one request.
        exit_timeout_s: The longest that exports hold up the end of the process, in seconds.
    """

    traces: bool = False
    metrics: bool = False
    traces_protocol: OtlpProtocol = OtlpProtocol.GRPC
    metrics_protocol: OtlpProtocol = OtlpProtocol.GRPC
    endpoint: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float | None = None
    insecure: bool | None = None
    compression: Compression | None = None
    service_name: str | None = None
    resource_attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    temporality: Temporality = Temporality.CUMULATIVE
    metric_interval_s: float = 60.0
    span_interval_s: float = 5.0
    span_queue_size: int = _SPAN_QUEUE_SIZE
    span_batch_size: int = _SPAN_BATCH_SIZE
    exit_timeout_s: float = 5.0

    @classmethod
    def resolve(
        cls,
        *,
        traces: bool | None = None,
        metrics: bool | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        insecure: bool | None = None,
        compression: str | None = None,
        service_name: str | None = None,
        resource_attributes: Mapping[str, AttributeValue] | None = None,
        temporality: str | None = None,
        metric_interval_s: float | None = None,
        exit_timeout_s: float = 5.0,
        environ: Mapping[str, str] | None = None,
    ) -> "ExportSettings":
        """Put the settings together; the arguments are the attributes of the class.

        A signal is exported where its argument says so; else where `OTEL_TRACES_EXPORTER` or
        `OTEL_METRICS_EXPORTER` lists `otlp`; else, the variable being unset, where an endpoint or a
        protocol is given by argument or variable. `OTEL_SDK_DISABLED=true` turns both off. The protocol is
        gRPC where nothing says otherwise, as in the OpenTelemetry distribution for Python.

        Raises:
            ConfigurationError: A setting cannot be used; the message names it.
        """
        env = _Variables(os.environ if environ is None else environ)
        given = endpoint is not None or protocol is not None
        return cls(
            traces=env.wanted("traces", traces, given=given),
            metrics=env.wanted("metrics", metrics, given=given),
            traces_protocol=env.protocol("traces", protocol),
            metrics_protocol=env.protocol("metrics", protocol),
            endpoint=_checked_endpoint(endpoint),
            headers=_checked_headers(headers),
            timeout_s=None if timeout_s is None else _positive("timeout_s", timeout_s),
            insecure=insecure,
            compression=_checked_compression(compression),
            service_name=service_name,
            resource_attributes=dict(resource_attributes or {}),
            temporality=env.temporality(temporality),
            metric_interval_s=(
                env.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", 60_000) / 1000
                if metric_interval_s is None
                else _positive("metric_interval_s", metric_interval_s)
            ),
            span_interval_s=env.milliseconds("OTEL_BSP_SCHEDULE_DELAY", 5_000) / 1000,
            span_queue_size=env.whole("OTEL_BSP_MAX_QUEUE_SIZE", _SPAN_QUEUE_SIZE),
            span_batch_size=env.whole("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _SPAN_BATCH_SIZE),
            exit_timeout_s=_positive("exit_timeout_s", exit_timeout_s),
        )

    def protocol_of(self, signal: Signal) -> OtlpProtocol:
        """Return how `signal` travels."""
        return self.traces_protocol if signal == "traces" else self.metrics_protocol


class _Variables:
    """The `OTEL_*` variables; an empty one counts as unset, as the specification asks."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def wanted(self, signal: Signal, argument: bool | None, *, given: bool) -> bool:
        if (self.text("OTEL_SDK_DISABLED") or "").lower() == "true":
            return False
        if argument is not None:
            return argument
        upper = signal.upper()
        exporters = self.text(f"OTEL_{upper}_EXPORTER")
        if exporters is not None:
            return "otlp" in [exporter.strip().lower() for exporter in exporters.split(",")]
        own_names = (f"OTEL_EXPORTER_OTLP_{upper}_ENDPOINT", f"OTEL_EXPORTER_OTLP_{upper}_PROTOCOL")
        names = (*own_names, _ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL")
        return given or any(self.text(name) is not None for name in names)

    def protocol(self, signal: Signal, argument: str | None) -> OtlpProtocol:
        for name, value in (
            ("protocol", argument),
            (own := f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", self.text(own)),
            (general := "OTEL_EXPORTER_OTLP_PROTOCOL", self.text(general)),
        ):
            if value is not None:
                return OtlpProtocol(_one_of(name, value, tuple(OtlpProtocol)))
        return OtlpProtocol.GRPC

    def temporality(self, argument: str | None) -> Temporality:
        if argument is not None:
            return Temporality(_one_of("temporality", argument, tuple(Temporality)))
        name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
        value = (self.text(name) or "cumulative").lower()
        _one_of(name, value, (*Temporality, "lowmemory"))
        # "lowmemory" is delta for histograms and for all synchronous counters, and ours are those.
        return Temporality.CUMULATIVE if value == "cumulative" else Temporality.DELTA

    def milliseconds(self, name: str, default: int) -> float:
        value = self.text(name)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        return _positive(name, number, given=value)

    def whole(self, name: str, default: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        if not value.isdecimal() or int(value) == 0:
            raise ConfigurationError(f"{name}={value!r}: expected a whole number from 1 up")
        return int(value)


def _positive(name: str, value: float, *, given: object = None) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ConfigurationError(f"{name}={given or value!r}: expected a finite number above 0")
    return value


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        listed = ", ".join(str(option) for option in allowed)
        raise ConfigurationError(f"{name}={value!r}: expected one of {listed}")
    return value


def _checked_endpoint(endpoint: str | None) -> str | None:
    if endpoint is None:
        return None
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ConfigurationError(
            f"endpoint={endpoint!r}: expected an address such as http://localhost:4317 (gRPC) or "
            "http://localhost:4318 (HTTP)"
        )
    return endpoint.rstrip("/")


def _checked_headers(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigurationError(
                f"headers: expected names and values of type str, got {name!r}: {value!r}"
            )
    return {name.lower(): value for name, value in (headers or {}).items()}


def _checked_compression(compression: str | None) -> Compression | None:
    if compression is None:
        return None
    return "gzip" if _one_of("compression", compression, ("none", "gzip")) == "gzip" else "none"
