"""What the metric export takes in: finished data, one object a time series; no OpenTelemetry here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from latency_kit.measurement.measurement import NO_ATTRIBUTES, AttributeValue, Outcome

__all__ = ["CollectedMetrics", "HistogramCounts", "NumberData", "SeriesData", "SlowCall"]


class HistogramCounts(Protocol):
    """What the export reads of a cumulative histogram snapshot."""

    @property
    def count(self) -> int:
        """The number of values."""
        ...

    @property
    def sum_ns(self) -> int:
        """The sum of all values, in nanoseconds."""
        ...

    @property
    def min_ns(self) -> int:
        """The smallest value, in nanoseconds; meaningful only where `count` is not 0."""
        ...

    @property
    def max_ns(self) -> int:
        """The largest value, in nanoseconds; meaningful only where `count` is not 0."""
        ...

    def buckets(self) -> Iterator[tuple[int, int, int]]:
        """Yield `(lowest_ns, highest_ns, count)` of the buckets that hold values, ascending."""
        ...


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
    attributes: Mapping[str, AttributeValue] = field(default=NO_ATTRIBUTES)


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
    histogram: HistogramCounts
    start_unix_nano: int
    attributes: Mapping[str, AttributeValue] = field(default=NO_ATTRIBUTES)
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
    attributes: Mapping[str, AttributeValue] = field(default=NO_ATTRIBUTES)


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
    losses: Mapping[str, int] = field(default=MappingProxyType({}))
    start_unix_nano: int = 0
