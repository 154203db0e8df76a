"""Series as text of other tools: tables (CSV, JSON lines), interval logs (`.hlog`), percentiles (`.hgrm`)."""

import io
import json
from collections.abc import Iterator
from typing import Any

from latency_kit.cli.exported_source import ExportedSource
from latency_kit.errors import UsageError
from latency_kit.histogram import HistogramLogWriter, percentile_distribution_lines
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.storage import write_table
from latency_kit.storage.interval_log import series_tag, tag_word
from latency_kit.units import ns_to_ms

__all__ = ["series_csv", "series_hgrm", "series_hlog", "series_jsonl"]

_PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
_FIELDS = (
    "component",
    "operation",
    "outcome",
    "attributes",
    "calls",
    "min_ms",
    "mean_ms",
    *(f"p{percentile:g}_ms" for percentile in _PERCENTILES),
    "max_ms",
)


def series_csv(source: ExportedSource) -> str:
    """Return one row for each series, with its calls and percentiles in milliseconds."""
    stream = io.StringIO(newline="")
    write_table(_FIELDS, (_row(one) for one in source.series), stream)
    return stream.getvalue()


def series_jsonl(source: ExportedSource) -> str:
    """Return the same rows as JSON objects, one a line; figures that do not exist are absent."""
    rows = ({**_row(one), "attributes": dict(one.attributes)} for one in source.series)
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def series_hlog(source: ExportedSource) -> str:
    """Return an HdrHistogram log: a line for each operation and interval, or for each series as a whole."""
    stream = io.StringIO(newline="")
    writer = HistogramLogWriter(
        stream,
        start_unix_nano=source.start_unix_nano,
        comments=("[latency_kit; values are nanoseconds]",),
    )
    for tag, start, end, histogram in _intervals(source):
        writer.write(histogram, start_unix_nano=start, end_unix_nano=end, tag=tag)
    return stream.getvalue()


def series_hgrm(source: ExportedSource) -> str:
    """Return HdrHistogram's percentile output of the one operation in `source`, in milliseconds.

    Raises:
        UsageError: There are several operations, or none with a call that ended well.
    """
    good = source.good()
    if len(good) != 1:
        names = ", ".join(good) or "none with a call that ended well"
        raise UsageError(f"a .hgrm holds one series; choose one with --series, there are: {names}")
    (histogram,) = good.values()
    return "".join(percentile_distribution_lines(histogram))


def _row(series: SeriesSnapshot) -> dict[str, Any]:
    histogram = series.histogram
    row: dict[str, Any] = {
        "component": series.component,
        "operation": series.operation,
        "outcome": series.outcome.value,
        "attributes": json.dumps(dict(series.attributes)) if series.attributes else "",
        "calls": histogram.count,
    }
    if histogram.count:
        row |= {"min_ms": ns_to_ms(histogram.min_ns), "mean_ms": round(histogram.mean_ns / 1e6, 6)}
        for percentile in _PERCENTILES:
            at_ns = min(histogram.value_at_percentile(percentile), histogram.max_ns)
            row[f"p{percentile:g}_ms"] = ns_to_ms(at_ns)
        row["max_ms"] = ns_to_ms(histogram.max_ns)
    return row


def _intervals(source: ExportedSource) -> Iterator[tuple[str, int, int, Any]]:
    for interval in source.intervals:
        for name, histogram in sorted(interval.durations.items()):
            yield tag_word(name), interval.start_unix_nano, interval.end_unix_nano, histogram
    if not source.intervals:
        for one in source.series:
            if one.histogram.count:
                yield series_tag(one), source.start_unix_nano, source.end_unix_nano, one.histogram
