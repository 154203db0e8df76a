"""The standard OTLP exporters over gRPC, built from settings. The only module that imports them and grpc."""

from typing import Any

from latency_kit.errors import MissingExtraError
from latency_kit.export.encoded_spans import EncodedSpans
from latency_kit.export.settings import ExportSettings
from latency_kit.tracing.sdk import MetricExporter, SpanExporter

try:
    from grpc import Compression  # type: ignore[import-untyped]  # its stubs are a package of their own
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
except ImportError as missing:
    raise MissingExtraError("opentelemetry-exporter-otlp-proto-grpc", "otlp") from missing

__all__ = ["build_metric_exporter", "build_span_exporter"]

_COMPRESSIONS = {None: None, "none": Compression.NoCompression, "gzip": Compression.Gzip}


class _SpanExporter(OTLPSpanExporter):
    """The standard exporter, which sends spans that are encoded already as they are.

    The method that it asks for the message has been the same in all supported releases; in one that asks
    another way (`takes_encoded_spans` is False then) it is given spans, and encodes them itself.
    """

    takes_encoded_spans = hasattr(OTLPSpanExporter, "_translate_data")

    def _translate_data(self, data: Any) -> Any:
        return data.request if isinstance(data, EncodedSpans) else super()._translate_data(data)


def build_span_exporter(settings: ExportSettings) -> SpanExporter:
    """Return the standard span exporter; what the settings leave open it reads from its variables."""
    return _SpanExporter(
        endpoint=settings.endpoint,
        insecure=settings.insecure,
        headers=dict(settings.headers) or None,
        timeout=settings.timeout_s,
        compression=_COMPRESSIONS[settings.compression],
    )


def build_metric_exporter(settings: ExportSettings) -> MetricExporter:
    """Return the standard metric exporter; what the settings leave open it reads from its variables."""
    return OTLPMetricExporter(
        endpoint=settings.endpoint,
        insecure=settings.insecure,
        headers=dict(settings.headers) or None,
        timeout=settings.timeout_s,
        compression=_COMPRESSIONS[settings.compression],
    )
