"""A session with everything that a report can show, for the tests of its figures and pages."""

from collections.abc import Sequence
from dataclasses import replace

from latency_kit.histogram import Histogram, HistogramSnapshot
from latency_kit.measurement.measurement import Outcome
from latency_kit.session import KeptTrace, Session, SessionInterval, SpanRecord

MS = 1_000_000
S = 1_000 * MS


def histogram_of(values_ms: Sequence[float]) -> HistogramSnapshot:
    histogram = Histogram()
    histogram.record_many([round(value * MS) for value in values_ms])
    return histogram.snapshot()


def trace(number: int, name: str = "turn.end_to_end", end_ms: int = 1300) -> KeptTrace:
    """One turn: a wait of 200 ms, an answer that holds most of the rest, and 50 ms that nothing explains."""
    spans = [
        SpanRecord(name=name, span_id=1, start_ns=0, end_ns=end_ms * MS),
        SpanRecord(name="answering.queue_wait", span_id=2, parent_id=1, start_ns=0, end_ns=200 * MS),
        SpanRecord(
            name="answering.answer", span_id=3, parent_id=1, start_ns=200 * MS, end_ns=(end_ms - 50) * MS
        ),
        SpanRecord(
            name="answering.explain_terms",
            span_id=4,
            parent_id=1,
            start_ns=210 * MS,
            end_ns=230 * MS,
            outcome=Outcome.CANCELLED,
        ),
    ]
    return KeptTrace(trace_id=number, explained_id=1, spans=tuple(spans), left_out=2)


def with_the_run(session: Session) -> Session:
    """Return a session with its course over 30 s, its slowest traces, and what was left out."""
    start = session.start_unix_nano
    intervals = [
        SessionInterval(
            start_unix_nano=start + second * S,
            end_unix_nano=start + (second + 1) * S,
            durations={"turn.end_to_end": histogram_of([600 + 10 * second])} if second % 3 == 0 else {},
        )
        for second in range(30)
    ]
    return replace(
        session,
        intervals=tuple(intervals),
        traces=tuple(trace(number, end_ms=1300 - number) for number in range(1, 8)),
        left_out={"traces that were not among the slowest": 3},
    )
