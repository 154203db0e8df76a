"""The standard OTLP exporters over HTTP, built from settings. The only module that imports them."""

from types import FunctionType
from typing import Any

from latency_kit.errors import MissingExtraError
from latency_kit.export.encoded_spans import EncodedSpans
from latency_kit.export.settings import ExportSettings, Signal
from latency_kit.tracing.sdk import MetricExporter, SpanExporter

try:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
except ImportError as missing:
    raise MissingExtraError("opentelemetry-exporter-otlp-proto-http", "otlp") from missing

__all__ = ["build_metric_exporter", "build_span_exporter"]

_COMPRESSIONS = {None: None, "none": Compression.NoCompression, "gzip": Compression.Gzip}


_ENCODER = "encode_spans"
"""What the exporter's module calls the function that makes a message of spans, in all supported releases."""


def _taking_encoded_spans(exporter: type[Any]) -> type[Any]:
    """Return the standard exporter, which sends spans that are encoded already as they are.

    Its releases differ in the method that encodes, not in the function that the method calls: the subclass
    has that method with another meaning of the function's name. In a release that calls it otherwise
    (`takes_encoded_spans` is False then) it is given spans, and encodes them itself.
    """
    changed: dict[str, Any] = {}
    for name, method in vars(exporter).items():
        if isinstance(method, FunctionType) and _ENCODER in method.__code__.co_names:
            names = {**method.__globals__, _ENCODER: _request_of(method.__globals__[_ENCODER])}
            changed[name] = FunctionType(
                method.__code__, names, method.__name__, method.__defaults__, method.__closure__
            )
            changed[name].__kwdefaults__ = method.__kwdefaults__
    changed["takes_encoded_spans"] = bool(changed)
    return type(exporter.__name__, (exporter,), changed)


def _request_of(encode: Any) -> Any:
    def request_of(spans: Any) -> Any:
        return spans.request if isinstance(spans, EncodedSpans) else encode(spans)

    return request_of


_SpanExporter = _taking_encoded_spans(OTLPSpanExporter)


def build_span_exporter(settings: ExportSettings) -> SpanExporter:
    """Return the standard span exporter; what the settings leave open it reads from its variables."""
    exporter: SpanExporter = _SpanExporter(
        endpoint=_signal_endpoint(settings, "traces"),
        headers=dict(settings.headers) or None,
        timeout=settings.timeout_s,
        compression=_COMPRESSIONS[settings.compression],
    )
    return exporter


def build_metric_exporter(settings: ExportSettings) -> MetricExporter:
    """Return the standard metric exporter; what the settings leave open it reads from its variables."""
    return OTLPMetricExporter(
        endpoint=_signal_endpoint(settings, "metrics"),
        headers=dict(settings.headers) or None,
        timeout=settings.timeout_s,
        compression=_COMPRESSIONS[settings.compression],
    )


def _signal_endpoint(settings: ExportSettings, signal: Signal) -> str | None:
    """Return the address of one signal; an address that has the signal's path already stays as it is."""
    if settings.endpoint is None or settings.endpoint.endswith(f"/v1/{signal}"):
        return settings.endpoint
    return f"{settings.endpoint}/v1/{signal}"
