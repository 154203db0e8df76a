"""The one door to the OpenTelemetry SDK: this floor and the export import its names from here.

Only public names of the SDK pass. The OTLP exporters have doors of their own, one a protocol, because a
program may have installed only one of them.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

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
    from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, SpanProcessor
    from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import (
        ALWAYS_ON,
        DEFAULT_OFF,
        DEFAULT_ON,
        Decision,
        ParentBasedTraceIdRatio,
        Sampler,
        TraceIdRatioBased,
    )
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
except ImportError as missing:
    raise MissingExtraError("opentelemetry-sdk", "otlp") from missing

__all__ = [
    "DEFAULT_OFF",
    "DEFAULT_ON",
    "AggregationTemporality",
    "Decision",
    "Event",
    "Exemplar",
    "ExponentialBucketCounts",
    "ExponentialHistogramMetric",
    "ExponentialHistogramPoint",
    "Gauge",
    "IdGenerator",
    "InstrumentationScope",
    "Metric",
    "MetricExportResult",
    "MetricExporter",
    "MetricsData",
    "NumberDataPoint",
    "OTELResourceDetector",
    "ParentBasedTraceIdRatio",
    "ReadableSpan",
    "Resource",
    "ResourceMetrics",
    "Sampler",
    "ScopeMetrics",
    "SpanExportResult",
    "SpanExporter",
    "SpanLimits",
    "SpanProcessor",
    "StandardChoices",
    "Sum",
    "TraceIdRatioBased",
    "standard_choices",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardChoices:
    """What the SDK chooses where a program gives nothing.

    Attributes:
        sampler: By `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
        id_generator: Draws random identifiers.
    """

    sampler: Sampler
    id_generator: IdGenerator

    @staticmethod
    def keeps_everything(sampler: Sampler) -> bool:
        """Tell whether `sampler` keeps every root and every child of a sampled local parent, as it is."""
        if type(sampler) not in {type(ALWAYS_ON), type(DEFAULT_ON)}:
            return False
        described: str = cast("Any", sampler).get_description()
        return described in {each.get_description() for each in cast("Any", (ALWAYS_ON, DEFAULT_ON))}


def standard_choices() -> StandardChoices:
    """Return the SDK's choices as the environment stands now.

    They are read off a provider of the SDK, which is the public way to them.
    """
    provider = SdkTracerProvider(resource=_no_resource(), shutdown_on_exit=False)
    return StandardChoices(sampler=provider.sampler, id_generator=provider.id_generator)


@cache
def _no_resource() -> Resource:
    return Resource({})
