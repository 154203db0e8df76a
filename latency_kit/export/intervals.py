"""What one export sends of each series: all values since the start, or the new ones only.

Interval points are differences from the last point that arrived, so a failed export loses nothing: its
values are in the next difference. Pure data; no OpenTelemetry import.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from latency_kit.errors import UsageError
from latency_kit.export.series import NumberData, SeriesData
from latency_kit.histogram.snapshot import HistogramSnapshot
from latency_kit.measurement.measurement import AttributeValue

__all__ = ["Intervals", "NumberPoint", "Point", "SeriesPoint", "cumulative_number", "cumulative_point"]

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """One histogram, ready to be written down.

    Attributes:
        series: Whose values they are; its own histogram is cumulative.
        histogram: The values; never empty.
        min_ns: The smallest value; None where it is not known exactly.
        max_ns: The largest value; None where it is not known exactly.
        start_unix_nano: Since when the values count.
        time_unix_nano: Until when they count.
    """

    series: SeriesData
    histogram: HistogramSnapshot
    min_ns: int | None
    max_ns: int | None
    start_unix_nano: int
    time_unix_nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberPoint:
    """One number, ready to be written down; `start_unix_nano` is None for a level."""

    number: NumberData
    value: int | float
    start_unix_nano: int | None
    time_unix_nano: int


Point = SeriesPoint | NumberPoint


def cumulative_point(series: SeriesData, time_unix_nano: int) -> SeriesPoint:
    """Return all values of `series`, which holds some, since its start."""
    histogram = series.histogram
    return SeriesPoint(
        series=series,
        histogram=histogram,
        min_ns=histogram.min_ns if histogram.is_exact else None,
        max_ns=histogram.max_ns if histogram.is_exact else None,
        start_unix_nano=series.start_unix_nano,
        time_unix_nano=time_unix_nano,
    )


def cumulative_number(number: NumberData, time_unix_nano: int) -> NumberPoint:
    """Return a level as it is, a running total since its start."""
    return NumberPoint(
        number=number,
        value=number.value,
        start_unix_nano=number.start_unix_nano,
        time_unix_nano=time_unix_nano,
    )


class Intervals:
    """Remembers what has arrived of each series and number, to tell what is new.

    * The intervals of a series that arrived add up to its cumulative counts and sum, exactly.
    * What was not marked as arrived is in the next interval.
    * A series that began anew (another start, or fewer values than before) gives all of its values.
    """

    __slots__ = ("_numbers", "_series")

    def __init__(self) -> None:
        self._series: dict[Key, SeriesPoint] = {}
        self._numbers: dict[Key, NumberPoint] = {}

    def new_of_series(self, cumulative: SeriesPoint) -> SeriesPoint | None:
        """Return the values since the last arrival; None where there are none."""
        before = self._series.get(_series_key(cumulative.series))
        if before is None or before.series.start_unix_nano != cumulative.series.start_unix_nano:
            return cumulative
        try:
            new = cumulative.histogram.minus(before.histogram)
        except UsageError:
            # Fewer values than before: the series was emptied and goes on under its old start.
            return cumulative
        if not new.count:
            return None
        return SeriesPoint(
            series=cumulative.series,
            histogram=new,
            # A new extreme belongs to the interval; an old one says nothing about it.
            min_ns=cumulative.min_ns if cumulative.min_ns != before.min_ns else None,
            max_ns=cumulative.max_ns if cumulative.max_ns != before.max_ns else None,
            start_unix_nano=before.time_unix_nano,
            time_unix_nano=cumulative.time_unix_nano,
        )

    def new_of_number(self, cumulative: NumberPoint) -> NumberPoint:
        """Return what a running total grew by since the last arrival; a level stays as it is."""
        before = self._numbers.get(_number_key(cumulative.number))
        if (
            before is None
            or cumulative.start_unix_nano is None
            or before.start_unix_nano != cumulative.start_unix_nano
            or before.value > cumulative.value
        ):
            return cumulative
        return NumberPoint(
            number=cumulative.number,
            value=cumulative.value - before.value,
            start_unix_nano=before.time_unix_nano,
            time_unix_nano=cumulative.time_unix_nano,
        )

    def mark_arrived(self, cumulative: Iterable[Point]) -> None:
        """Remember cumulative points whose intervals have arrived."""
        for point in cumulative:
            if isinstance(point, SeriesPoint):
                self._series[_series_key(point.series)] = point
            else:
                self._numbers[_number_key(point.number)] = point


def _series_key(series: SeriesData) -> Key:
    return (series.component, series.operation, series.outcome, *_attributes_key(series.attributes))


def _number_key(number: NumberData) -> Key:
    return (number.name, *_attributes_key(number.attributes))


def _attributes_key(attributes: Mapping[str, AttributeValue]) -> Key:
    return tuple(f"{key}={attributes[key]!r}" for key in sorted(attributes))
