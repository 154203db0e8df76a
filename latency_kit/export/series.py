"""What the metric export takes in: finished data, one object a time series; no OpenTelemetry here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from latency_kit.histogram.snapshot import HistogramSnapshot
from latency_kit.measurement.measurement import AttributeValue, Outcome

__all__ = ["CollectedMetrics", "NumberData", "SeriesData", "SlowCall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowCall:
    """One slow call of a series, to leave as an exemplar.

    Attributes:
        value_ns: Its duration.
        unix_nano: When it ended, as a wall stamp.
        trace_id: Of its span, 0 < id < 2**128.
        span_id: Of its span, 0 < id < 2**64.
        attributes: What the call had beyond the attributes of its series.
    """

    value_ns: int
    unix_nano: int
    trace_id: int
    span_id: int
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesData:
    """The durations of one component, operation, outcome and set of attributes since `start_unix_nano`.

    Attributes:
        component: What was measured.
        operation: What it did.
        outcome: How the calls ended.
        attributes: Those that make a series of their own.
        histogram: All values since the start (cumulative, never an interval).
        start_unix_nano: Since when the histogram counts.
        exemplars: Slow calls since the last collection.
    """

    component: str
    operation: str
    outcome: Outcome
    histogram: HistogramSnapshot
    start_unix_nano: int
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    exemplars: Sequence[SlowCall] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberData:
    """One number of our own health or of the runtime: a level (gauge) or a running total (sum).

    Attributes:
        name: Of the metric, such as "latency.series".
        unit: In UCUM, such as "s", "By" or "{span}".
        description: One line for people.
        value: The level, or the total since `start_unix_nano`.
        start_unix_nano: Since when a running total counts; None makes it a level.
        attributes: Of this point; numbers of one name differ in them.
    """

    name: str
    unit: str
    description: str
    value: int | float
    start_unix_nano: int | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedMetrics:
    """All that one periodic export sends.

    Attributes:
        series: The histograms.
        numbers: Levels and running totals.
        losses: What telemetry lost since `start_unix_nano`, by kind.
        start_unix_nano: Since when the losses count.
    """

    series: Sequence[SeriesData] = ()
    numbers: Sequence[NumberData] = ()
    losses: Mapping[str, int] = field(default_factory=dict)
    start_unix_nano: int = 0
