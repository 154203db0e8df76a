"""From points to the SDK's metric messages: names, units and attributes.

Names follow the OpenTelemetry conventions: durations in seconds under one metric, what was measured in
attributes that are the same as those of our spans.
"""

from collections.abc import Mapping, Sequence

from latency_kit.export.exponential import exponential_buckets
from latency_kit.export.intervals import NumberPoint, Point, SeriesPoint
from latency_kit.export.series import SeriesData
from latency_kit.export.settings import Temporality
from latency_kit.measurement.measurement import AttributeValue, Outcome
from latency_kit.tracing.sdk import (
    AggregationTemporality,
    Exemplar,
    ExponentialBucketCounts,
    ExponentialHistogramMetric,
    ExponentialHistogramPoint,
    Gauge,
    InstrumentationScope,
    Metric,
    MetricsData,
    NumberDataPoint,
    Resource,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from latency_kit.units import ns_to_s

__all__ = ["DURATION_METRIC", "metrics_data"]

DURATION_METRIC = "latency.operation.duration"

_TEMPORALITIES = {
    Temporality.CUMULATIVE: AggregationTemporality.CUMULATIVE,
    Temporality.DELTA: AggregationTemporality.DELTA,
}
# Where a series does not say which errors it holds, the semantic conventions ask for this value.
# Source: https://opentelemetry.io/docs/specs/semconv/attributes-registry/error/
_ERROR_TYPES = {Outcome.ERROR: "_OTHER", Outcome.TIMED_OUT: Outcome.TIMED_OUT.value}
_SMALLEST_INT, _LARGEST_INT = -(2**63), 2**63 - 1


def metrics_data(
    points: Sequence[Point], *, resource: Resource, scope: InstrumentationScope, temporality: Temporality
) -> MetricsData:
    """Write points down as one message: one metric for all histograms, one for each name of a number."""
    metrics: list[Metric] = []
    histograms = [_histogram_point(point) for point in points if isinstance(point, SeriesPoint)]
    if histograms:
        metrics.append(
            Metric(
                name=DURATION_METRIC,
                description="Duration of the measured calls.",
                unit="s",
                data=ExponentialHistogramMetric(
                    data_points=histograms, aggregation_temporality=_TEMPORALITIES[temporality]
                ),
            )
        )
    by_name: dict[str, list[NumberPoint]] = {}
    for point in points:
        if isinstance(point, NumberPoint):
            by_name.setdefault(point.number.name, []).append(point)
    metrics.extend(_number_metric(group, temporality) for group in by_name.values())
    scope_metrics = ScopeMetrics(scope=scope, metrics=metrics, schema_url="")
    return MetricsData(
        resource_metrics=[
            ResourceMetrics(resource=resource, scope_metrics=[scope_metrics], schema_url=resource.schema_url)
        ]
    )


def _histogram_point(point: SeriesPoint) -> ExponentialHistogramPoint:
    histogram = point.histogram
    buckets = exponential_buckets(
        ((bucket.lowest_ns, bucket.highest_ns, bucket.count) for bucket in histogram.buckets()),
        lowest_ns=point.min_ns or 0,
        highest_ns=point.max_ns,
    )
    attributes = _series_attributes(point.series)
    return ExponentialHistogramPoint(
        attributes=attributes,
        start_time_unix_nano=point.start_unix_nano,
        time_unix_nano=point.time_unix_nano,
        count=histogram.count,
        sum=ns_to_s(histogram.sum_ns),
        scale=buckets.scale,
        zero_count=buckets.zero_count,
        positive=ExponentialBucketCounts(offset=buckets.offset, bucket_counts=buckets.counts),
        negative=ExponentialBucketCounts(offset=0, bucket_counts=()),
        flags=0,
        min=None if point.min_ns is None else ns_to_s(point.min_ns),  # type: ignore[arg-type]  # optional in OTLP
        max=None if point.max_ns is None else ns_to_s(point.max_ns),  # type: ignore[arg-type]  # the same
        exemplars=[
            Exemplar(
                filtered_attributes=_sendable(
                    {key: value for key, value in call.attributes.items() if key not in attributes}
                ),
                value=ns_to_s(call.value_ns),
                time_unix_nano=call.unix_nano,
                span_id=call.span_id,
                trace_id=call.trace_id,
            )
            for call in point.series.exemplars
        ],
    )


def _series_attributes(series: SeriesData) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {}
    if series.outcome in _ERROR_TYPES:
        attributes["error.type"] = _ERROR_TYPES[series.outcome]
    attributes.update(_sendable(series.attributes))
    attributes["latency.component"] = series.component
    attributes["latency.operation"] = series.operation
    attributes["latency.outcome"] = series.outcome.value
    return attributes


def _number_metric(points: Sequence[NumberPoint], temporality: Temporality) -> Metric:
    first = points[0]
    data_points = [
        NumberDataPoint(
            attributes=_sendable(point.number.attributes),
            start_time_unix_nano=point.start_unix_nano or 0,
            time_unix_nano=point.time_unix_nano,
            value=point.value,
        )
        for point in points
    ]
    if first.start_unix_nano is None:
        data: Gauge | Sum = Gauge(data_points=data_points)
    else:
        data = Sum(
            data_points=data_points,
            aggregation_temporality=_TEMPORALITIES[temporality],
            is_monotonic=True,
        )
    number = first.number
    return Metric(name=number.name, description=number.description, unit=number.unit, data=data)


def _sendable(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Return attributes that OTLP can carry; others become text, since they tell series apart."""
    return {str(key): _sendable_value(value) for key, value in attributes.items()}


def _sendable_value(value: object) -> AttributeValue:
    if isinstance(value, str | bool | float):
        return value
    if isinstance(value, int) and _SMALLEST_INT <= value <= _LARGEST_INT:
        return value
    if isinstance(value, list | tuple):
        sendable = [_sendable_value(item) for item in value]
        if len({type(item) for item in sendable}) <= 1 and not isinstance(next(iter(sendable), ""), list):
            return sendable  # type: ignore[return-value]  # all items are of one scalar type
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # an object of the program's may do anything in its __str__
        return f"<{type(value).__name__}>"
