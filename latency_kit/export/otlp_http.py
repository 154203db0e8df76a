"""The standard OTLP exporters over HTTP, built from settings. The only module that imports them."""

from latency_kit.errors import MissingExtraError
from latency_kit.export.sdk import MetricExporter, SpanExporter
from latency_kit.export.settings import ExportSettings, Signal

try:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
except ImportError as missing:
    raise MissingExtraError("opentelemetry-exporter-otlp-proto-http", "otlp") from missing

__all__ = ["build_metric_exporter", "build_span_exporter"]

_COMPRESSIONS = {None: None, "none": Compression.NoCompression, "gzip": Compression.Gzip}


def build_span_exporter(settings: ExportSettings) -> SpanExporter:
    """Return the standard span exporter; what the settings leave open it reads from its variables."""
    return OTLPSpanExporter(
        endpoint=_signal_endpoint(settings, "traces"),
        headers=dict(settings.headers) or None,
        timeout=settings.timeout_s,
        compression=_COMPRESSIONS[settings.compression],
    )


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
