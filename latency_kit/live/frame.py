"""One look at a running process as data, and as the JSON that goes over the socket.

Histograms stay in the process: only figures cross, so that a look costs it little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from latency_kit.errors import CorruptDataError
from latency_kit.histogram import HistogramSnapshot
from latency_kit.measurement.series import SeriesSnapshot

__all__ = ["PERCENTILES", "PROTOCOL", "LiveFrame", "LiveSeries", "frame_from_data", "series_data"]

PROTOCOL = 1

PERCENTILES = (50.0, 95.0, 99.0)
"""Of the last interval and of the whole run."""

Figures = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSeries:
    """One series at one look.

    * There are figures exactly where there were calls.

    Attributes:
        name: `component.operation`.
        outcome: How its calls ended.
        attributes: Those that make the series one of its own.
        count: Calls that ended in the interval.
        total_count: Calls that ended since the start.
        interval_ns: "p50", "p95", "p99" and "max" of the interval, in nanoseconds.
        whole_ns: The same since the start.
    """

    name: str
    outcome: str
    attributes: Mapping[str, Any]
    count: int
    total_count: int
    interval_ns: Figures
    whole_ns: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFrame:
    """What one look found.

    Attributes:
        process: "process_id", "service_name", "command", "python" and "started_unix_nano".
        start_unix_nano: The reader's look before this one, or the start of the recording.
        end_unix_nano: This look.
        series: The busiest first, by the time spent in them.
        series_left_out: How many more there are.
        budgets: "name", "measures", "limit_ns", "percentile", "verdict", "count", "over_limit_count" and,
            where it could be observed, "observed_ns".
        objectives: "name", "verdict", "events", "bad", "burns" by window, "firing" and, with enough events,
            "remaining_error_budget".
        in_flight: "followed", "count" and "calls", the oldest first.
        readings: "name", "unit", "value" and "attributes" of queues and probes.
        losses: What telemetry lost, by kind.
    """

    process: Mapping[str, Any]
    start_unix_nano: int
    end_unix_nano: int
    series: tuple[LiveSeries, ...]
    series_left_out: int
    budgets: Sequence[Mapping[str, Any]]
    objectives: Sequence[Mapping[str, Any]]
    in_flight: Mapping[str, Any]
    readings: Sequence[Mapping[str, Any]]
    losses: Mapping[str, int]

    @property
    def interval_ns(self) -> int:
        """How long the interval was."""
        return max(self.end_unix_nano - self.start_unix_nano, 1)


def series_data(interval: SeriesSnapshot | None, whole: SeriesSnapshot) -> dict[str, Any]:
    """Return what JSON holds of one series; `interval` is None where nothing ended in it."""
    data: dict[str, Any] = {
        "name": whole.name,
        "outcome": whole.outcome.value,
        "count": 0 if interval is None else interval.histogram.count,
        "total_count": whole.histogram.count,
        "whole_ns": _figures(whole.histogram),
    }
    if whole.attributes:
        data["attributes"] = dict(whole.attributes)
    if interval is not None:
        data["interval_ns"] = _figures(interval.histogram)
    return data


def frame_from_data(data: Mapping[str, Any]) -> LiveFrame:
    """Return the frame that came over the socket.

    Raises:
        CorruptDataError: Something is missing, or another version of the protocol speaks.
    """
    if data.get("protocol") != PROTOCOL:
        raise CorruptDataError(
            f"the process speaks protocol {data.get('protocol')!r}, this latency-kit {PROTOCOL}; "
            "use the same version of latency-kit on both sides"
        )
    try:
        return LiveFrame(
            process=dict(data["process"]),
            start_unix_nano=int(data["start_unix_nano"]),
            end_unix_nano=int(data["end_unix_nano"]),
            series=tuple(
                LiveSeries(
                    name=str(one["name"]),
                    outcome=str(one["outcome"]),
                    attributes=one.get("attributes", {}),
                    count=int(one["count"]),
                    total_count=int(one["total_count"]),
                    interval_ns=one.get("interval_ns", {}),
                    whole_ns=one["whole_ns"],
                )
                for one in data["series"]
            ),
            series_left_out=int(data["series_left_out"]),
            budgets=list(data["budgets"]),
            objectives=list(data["objectives"]),
            in_flight=dict(data["in_flight"]),
            readings=list(data["readings"]),
            losses=dict(data["losses"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptDataError(f"the process sent something else than a frame: {error!r}") from error


def _figures(histogram: HistogramSnapshot) -> dict[str, int]:
    if not histogram.count:
        return {}
    # The upper end of a bucket may lie above all that was recorded.
    longest_ns = histogram.max_ns
    figures = {
        f"p{percentile:g}": min(histogram.value_at_percentile(percentile), longest_ns)
        for percentile in PERCENTILES
    }
    return {**figures, "max": longest_ns}
