"""The intervals and traces of a session as plain data for JSON, and back.

Spans of a trace stand as stamps relative to its first span, which keeps the file small and readable.
"""

from collections.abc import Mapping
from typing import Any

from latency_kit.baseline.histogram_data import histogram_from_data, histogram_to_data, typed
from latency_kit.measurement.measurement import Outcome
from latency_kit.session import KeptTrace, SessionInterval, SpanRecord

__all__ = [
    "attributes_from_data",
    "interval_from_data",
    "interval_to_data",
    "trace_from_data",
    "trace_to_data",
]


def interval_to_data(interval: SessionInterval) -> dict[str, Any]:
    """Return what JSON can hold of an interval."""
    return {
        "start_unix_nano": interval.start_unix_nano,
        "end_unix_nano": interval.end_unix_nano,
        "durations": {name: histogram_to_data(one) for name, one in interval.durations.items()},
    }


def interval_from_data(data: Mapping[str, Any]) -> SessionInterval:
    """Return the interval that `interval_to_data` wrote.

    Raises:
        CorruptDataError: A histogram cannot be decoded.
        KeyError, TypeError, ValueError: Something is missing or of the wrong kind.
    """
    durations = typed(data["durations"], dict)
    return SessionInterval(
        start_unix_nano=typed(data["start_unix_nano"], int),
        end_unix_nano=typed(data["end_unix_nano"], int),
        durations={name: histogram_from_data(one) for name, one in durations.items()},
    )


def trace_to_data(trace: KeptTrace) -> dict[str, Any]:
    """Return what JSON can hold of a trace."""
    start_ns = min(span.start_ns for span in trace.spans)
    return {
        "trace_id": f"{trace.trace_id:032x}",
        "explained_id": f"{trace.explained_id:016x}",
        "start_ns": start_ns,
        "left_out": trace.left_out,
        "spans": [_span_to_data(span, start_ns) for span in trace.spans],
    }


def trace_from_data(data: Mapping[str, Any]) -> KeptTrace:
    """Return the trace that `trace_to_data` wrote.

    Raises:
        KeyError, TypeError, ValueError: Something is missing or of the wrong kind.
    """
    start_ns = typed(data["start_ns"], int)
    return KeptTrace(
        trace_id=int(typed(data["trace_id"], str), 16),
        explained_id=int(typed(data["explained_id"], str), 16),
        left_out=typed(data["left_out"], int),
        spans=tuple(_span_from_data(entry, start_ns) for entry in typed(data["spans"], list)),
    )


def attributes_from_data(data: object) -> dict[str, Any]:
    """Return attributes as they were: JSON has no tuples, attributes have no lists.

    Raises:
        TypeError: They are no mapping.
    """
    attributes = typed(data, dict)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in attributes.items()}


def _span_to_data(span: SpanRecord, start_ns: int) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": span.name,
        "span_id": f"{span.span_id:016x}",
        "at_ns": span.start_ns - start_ns,
        "duration_ns": span.duration_ns,
    }
    if span.parent_id is not None:
        data["parent_id"] = f"{span.parent_id:016x}"
    if span.attributes:
        data["attributes"] = dict(span.attributes)
    if span.links:
        data["links"] = [f"{link:016x}" for link in span.links]
    if span.outcome is not Outcome.OK:
        data["outcome"] = span.outcome.value
    return data


def _span_from_data(data: Mapping[str, Any], start_ns: int) -> SpanRecord:
    begun_ns = start_ns + typed(data["at_ns"], int)
    return SpanRecord(
        name=typed(data["name"], str),
        span_id=int(typed(data["span_id"], str), 16),
        parent_id=int(typed(data["parent_id"], str), 16) if "parent_id" in data else None,
        start_ns=begun_ns,
        end_ns=begun_ns + typed(data["duration_ns"], int),
        attributes=attributes_from_data(data.get("attributes", {})),
        links=tuple(int(typed(link, str), 16) for link in data.get("links", ())),
        outcome=Outcome(data.get("outcome", Outcome.OK.value)),
    )
