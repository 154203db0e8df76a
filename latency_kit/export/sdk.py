"""The one door to the OpenTelemetry SDK: the other modules of this floor import its names from here.

Only public names of the SDK pass. The OTLP exporters have doors of their own, one a protocol, because a
program may have installed only one of them.
"""

from latency_kit.errors import MissingExtraError

try:
    from opentelemetry.sdk.metrics import Exemplar
    from opentelemetry.sdk.metrics.export import (
        AggregationTemporality,
        Gauge,
        Metric,
        MetricExporter,
        MetricExportResult,
        MetricsData,
        NumberDataPoint,
        ResourceMetrics,
        ScopeMetrics,
        Sum,
    )
    from opentelemetry.sdk.metrics.export import Buckets as ExponentialBucketCounts
    from opentelemetry.sdk.metrics.export import ExponentialHistogram as ExponentialHistogramMetric
    from opentelemetry.sdk.metrics.export import ExponentialHistogramDataPoint as ExponentialHistogramPoint
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
except ImportError as missing:
    raise MissingExtraError("opentelemetry-sdk", "otlp") from missing

__all__ = [
    "AggregationTemporality",
    "Exemplar",
    "ExponentialBucketCounts",
    "ExponentialHistogramMetric",
    "ExponentialHistogramPoint",
    "Gauge",
    "InstrumentationScope",
    "Metric",
    "MetricExportResult",
    "MetricExporter",
    "MetricsData",
    "NumberDataPoint",
    "OTELResourceDetector",
    "ReadableSpan",
    "Resource",
    "ResourceMetrics",
    "Sampler",
    "ScopeMetrics",
    "Span",
    "SpanExportResult",
    "SpanExporter",
    "SpanProcessor",
    "Sum",
    "TracerProvider",
]
