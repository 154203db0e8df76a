"""Reading finished calls in the form in which call sites hand them over (`active.Entry`)."""

from latency_kit.clock import WallAnchor
from latency_kit.measurement.active import Entry
from latency_kit.measurement.measurement import Measurement
from latency_kit.measurement.values import Outcome

__all__ = ["PLAIN_FIELDS", "measurement_of", "series_and_duration_ns"]

PLAIN_FIELDS = 3
"""Fields of the entry of a call that succeeded and has no span."""


def series_and_duration_ns(entry: Entry) -> tuple[tuple[str, str], int]:
    """Return component and operation of a finished call, and how long it took."""
    if isinstance(entry, tuple):
        site, start_ns, end_ns = entry[:PLAIN_FIELDS]
    else:
        site, start_ns, end_ns = entry.site, entry.start_ns, entry.end_ns
    return (site.component, site.operation), end_ns - start_ns


def measurement_of(entry: Entry, anchor: WallAnchor) -> Measurement:
    """Return the record of a finished call for people and files, with wall stamps by `anchor`."""
    if not isinstance(entry, tuple):
        assert entry.site is not None  # noqa: S101  # observers are told of calls only
        outcome, error, added = entry.result or (Outcome.OK, None, None)
        entry = (entry.site, entry.start_ns, entry.end_ns, outcome, error, added, entry)
    elif len(entry) == PLAIN_FIELDS:
        entry = (*entry, Outcome.OK, None, None, None)
    site, start_ns, end_ns, outcome, error, added, span = entry
    trace_id = span_id = None
    if span is not None:
        span_context = span.get_span_context()
        if span_context.is_valid:
            trace_id, span_id = span_context.trace_id, span_context.span_id
    return Measurement(
        component=site.component,
        operation=site.operation,
        start_ns=start_ns,
        end_ns=end_ns,
        start_unix_nano=anchor.to_unix_nano(start_ns),
        outcome=outcome,
        error=error,
        attributes={**site.attributes, **added} if added else site.attributes,
        trace_id=trace_id,
        span_id=span_id,
    )
