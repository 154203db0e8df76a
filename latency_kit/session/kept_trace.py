"""One trace with its spans, as a session keeps it. Which traces are kept is decided in `trace_keeper`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from latency_kit.errors import LatencyKitError, UsageError
from latency_kit.measurement.measurement import Measurement
from latency_kit.session.critical_path import CriticalPath, critical_path
from latency_kit.session.span_record import SpanRecord, records_of_measurements

__all__ = ["MAX_SPANS", "KeptTrace", "explained_span", "kept_trace", "slowest_of_measurements"]

MAX_SPANS = 300
"""Spans of one trace that are kept: more than a waterfall can show, some 150 bytes of JSON each."""

MAX_TEXT = 200
"""Characters of a text attribute that are kept; prompts and answers may be long, and private."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTrace:
    """A trace, and which of its spans is the one to explain.

    * The span to explain is one of the spans.

    Attributes:
        trace_id: Its identity, 0 < id < 2**128.
        explained_id: Identity of the span to explain: the end-to-end operation, or the root.
        spans: Its finished spans, by their start, on one clock.
        left_out: How many more it had.
    """

    trace_id: int
    explained_id: int
    spans: tuple[SpanRecord, ...]
    left_out: int = 0

    def __post_init__(self) -> None:
        if not any(span.span_id == self.explained_id for span in self.spans):
            raise UsageError(
                f"trace {self.trace_id:032x} is to explain span {self.explained_id:016x}, "
                "which is none of its spans"
            )
        if self.left_out < 0:
            raise UsageError(f"left_out must be a count from 0, got {self.left_out}")

    @property
    def explained(self) -> SpanRecord:
        """The span to explain."""
        return next(span for span in self.spans if span.span_id == self.explained_id)

    @property
    def duration_ns(self) -> int:
        """How long the span to explain took, in nanoseconds."""
        return self.explained.duration_ns

    def critical_path(self) -> CriticalPath:
        """Return what held up the end of the span to explain.

        Raises:
            UsageError: The spans make no tree.
        """
        return critical_path(self.spans, root=self.explained_id)


def explained_span(records: Sequence[SpanRecord], end_to_end: str | None) -> SpanRecord | None:
    """Return the span by which a trace is ranked and explained.

    It is the longest one of the name `end_to_end`, or without that name the longest whose parent is not
    there; None where there is none.
    """
    if end_to_end is not None:
        candidates = [record for record in records if record.name == end_to_end]
    else:
        known = {record.span_id for record in records}
        candidates = [record for record in records if record.parent_id not in known]
    return max(candidates, key=lambda record: record.duration_ns, default=None)


def kept_trace(trace_id: int, records: Sequence[SpanRecord], explained: SpanRecord) -> KeptTrace:
    """Return a trace bounded: its longest spans, the one to explain always, long texts cut."""
    kept = sorted(records, key=lambda one: (one.span_id != explained.span_id, -one.duration_ns))[:MAX_SPANS]
    return KeptTrace(
        trace_id=trace_id,
        explained_id=explained.span_id,
        spans=tuple(
            replace(one, attributes=_cut(one.attributes))
            for one in sorted(kept, key=lambda one: (one.start_ns, -one.end_ns))
        ),
        left_out=len(records) - len(kept),
    )


def slowest_of_measurements(
    measurements: Iterable[Measurement], *, end_to_end: str | None, most: int
) -> tuple[tuple[KeptTrace, ...], int]:
    """Return the slowest traces among measurements, slowest first, and how many others there were.

    Measurements do not know their parents: calls are nested by time (`records_of_measurements`).
    """
    by_trace: dict[int, list[Measurement]] = {}
    for measurement in measurements:
        if measurement.trace_id is not None:
            by_trace.setdefault(measurement.trace_id, []).append(measurement)
    found: list[KeptTrace] = []
    for trace_id, its_own in by_trace.items():
        try:
            records = records_of_measurements(its_own)
            explained = explained_span(records, end_to_end)
            if explained is not None:
                found.append(kept_trace(trace_id, records, explained))
        except LatencyKitError:
            continue
    found.sort(key=lambda trace: -trace.duration_ns)
    return tuple(found[:most]), max(0, len(found) - most)


def _cut(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _kept_value(value) for name, value in attributes.items()}


def _kept_value(value: object) -> object:
    if isinstance(value, bool | int | float | list | tuple):
        return value
    text = str(value)  # other libraries put anything into attributes
    return f"{text[: MAX_TEXT - 1]}…" if len(text) > MAX_TEXT else text
