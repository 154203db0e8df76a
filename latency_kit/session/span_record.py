"""Finished spans as plain data, whatever they came from: what an explanation of one trace is made from.

Conversions live here; the explanation lives in `critical_path`. Nothing here needs the OpenTelemetry SDK.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from latency_kit.errors import NoDataError, UsageError
from latency_kit.measurement.measurement import NO_ATTRIBUTES, AttributeValue, Measurement, Outcome

__all__ = [
    "AWAITED_ATTRIBUTE",
    "STREAM_ATTRIBUTE",
    "WAIT_ATTRIBUTE",
    "ReadableSpan",
    "SpanRecord",
    "StoredCall",
    "records_of_measurements",
    "records_of_spans",
    "records_of_stored",
]

AWAITED_ATTRIBUTE = "latency.awaited"
"""False on a span that nobody waits for: work sent off, or a race that was lost without being cancelled."""

WAIT_ATTRIBUTE = "latency.wait"
"""True on a span that is a wait, False on one that is none in spite of its name."""

STREAM_ATTRIBUTE = "latency.stream.items"
"""On the span of a measured generator, whose body stands still while its consumer works."""

_OUTCOME_ATTRIBUTE = "latency.outcome"
_WAIT_NAMES = frozenset({"wait", "queue_wait"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """One finished span.

    * It does not end before it starts.
    * Its attributes never change after construction.

    Attributes:
        name: `component.operation`, or whatever another library called it.
        span_id: Its identity within the trace.
        parent_id: The span it was made under; None for a root.
        start_ns: Its start, on one clock for all spans of the trace.
        end_ns: Its end on that clock.
        attributes: As in OpenTelemetry.
        links: Identities of spans that caused it, besides its parent.
        outcome: How the call ended.
    """

    name: str
    span_id: int
    parent_id: int | None = None
    start_ns: int
    end_ns: int
    attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: NO_ATTRIBUTES)
    links: tuple[int, ...] = ()
    outcome: Outcome = Outcome.OK

    def __post_init__(self) -> None:
        if self.end_ns < self.start_ns:
            raise UsageError(
                f"span {self.name!r} must not end before it starts, "
                f"got start {self.start_ns} ns and end {self.end_ns} ns"
            )
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))

    @property
    def duration_ns(self) -> int:
        """End minus start, in nanoseconds."""
        return self.end_ns - self.start_ns

    @property
    def is_wait(self) -> bool:
        """Whether nothing was done in it but wait for a turn.

        `WAIT_ATTRIBUTE` decides; without it the last word of the name does: measured queues, executors and
        locks call their waits `x.wait`, the assistant `x.queue_wait`.
        """
        told = self.attributes.get(WAIT_ATTRIBUTE)
        if isinstance(told, bool):
            return told
        return self.name.rpartition(".")[2] in _WAIT_NAMES

    @property
    def is_stream(self) -> bool:
        """Whether it is the span of a measured generator."""
        return STREAM_ATTRIBUTE in self.attributes

    @property
    def is_awaited(self) -> bool:
        """Whether somebody may have waited for it."""
        return self.attributes.get(AWAITED_ATTRIBUTE) is not False


class ReadableSpan(Protocol):
    """What is read of a finished span: names that the SDK's `ReadableSpan` and our own spans share."""

    @property
    def name(self) -> str:
        """The name."""
        ...

    @property
    def context(self) -> Any:
        """The identity, with `trace_id` and `span_id`."""
        ...

    @property
    def parent(self) -> Any:
        """The parent's identity, or None."""
        ...

    @property
    def start_time(self) -> int | None:
        """The start in nanoseconds since the Unix epoch."""
        ...

    @property
    def end_time(self) -> int | None:
        """The end, or None while the span runs."""
        ...

    @property
    def attributes(self) -> Any:
        """The attributes, or None."""
        ...

    @property
    def links(self) -> Any:
        """The links, each with a `context`."""
        ...


def records_of_spans(spans: Iterable[ReadableSpan]) -> tuple[SpanRecord, ...]:
    """Return finished spans of one trace as records; a span that still runs is left out.

    Raises:
        UsageError: The spans are of several traces.
    """
    records: list[SpanRecord] = []
    traces: set[int] = set()
    for span in spans:
        if span.start_time is None or span.end_time is None:
            continue
        traces.add(span.context.trace_id)
        attributes = dict(span.attributes or {})
        records.append(
            SpanRecord(
                name=span.name,
                span_id=span.context.span_id,
                parent_id=None if span.parent is None else span.parent.span_id,
                start_ns=span.start_time,
                # A wall clock that is stepped back can end another library's span before its start.
                end_ns=max(span.start_time, span.end_time),
                attributes=attributes,
                links=tuple(
                    link.context.span_id
                    for link in span.links or ()
                    if link.context.trace_id == span.context.trace_id
                ),
                outcome=_outcome_told(attributes),
            )
        )
    if len(traces) > 1:
        raise UsageError(f"spans of one trace are needed, got {len(traces)} traces; filter by trace id")
    return tuple(records)


def records_of_measurements(
    measurements: Iterable[Measurement], *, trace_id: int | None = None
) -> tuple[SpanRecord, ...]:
    """Return the measurements of one trace as records, nested by time.

    A measurement does not know its parent: each is put under the last begun one that encloses it. Where
    siblings run at the same time and one happens to enclose another, spans tell more; see
    `records_of_spans`.

    Args:
        measurements: In the order in which they ended.
        trace_id: The trace to take; by default all measurements are taken to be of one.

    Raises:
        NoDataError: There is no measurement of that trace.
        UsageError: The measurements are of several traces.
    """
    calls = [
        _Call(
            name=one.name,
            start_ns=one.start_ns,
            end_ns=one.end_ns,
            attributes=one.attributes,
            outcome=one.outcome,
            span_id=one.span_id,
            trace_id=one.trace_id,
        )
        for one in measurements
        if trace_id is None or one.trace_id == trace_id
    ]
    return _nested(calls)


class StoredCall(Protocol):
    """What is read of a line of `performance.jsonl`; `latency_kit.storage.StoredMeasurement` is one."""

    @property
    def component(self) -> str:
        """The part of the program."""
        ...

    @property
    def operation(self) -> str:
        """What it did."""
        ...

    @property
    def start_unix_nano(self) -> int:
        """The start as a wall stamp."""
        ...

    @property
    def duration_ns(self) -> int:
        """How long it took."""
        ...

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The attributes."""
        ...

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        ...

    @property
    def trace_id(self) -> int | None:
        """Of its span."""
        ...

    @property
    def span_id(self) -> int | None:
        """Of its span."""
        ...


def records_of_stored(stored: Iterable[StoredCall], *, trace_id: int | None = None) -> tuple[SpanRecord, ...]:
    """Return the stored measurements of one trace as records, as `records_of_measurements` nests them.

    A file holds starts to the millisecond only, so that calls shorter than that may be nested amiss and
    gaps may be wrong by as much.

    Raises:
        NoDataError: There is no measurement of that trace.
        UsageError: The measurements are of several traces.
    """
    calls = [
        _Call(
            name=f"{one.component}.{one.operation}",
            start_ns=one.start_unix_nano,
            end_ns=one.start_unix_nano + one.duration_ns,
            attributes=one.metadata,
            outcome=one.outcome,
            span_id=one.span_id,
            trace_id=one.trace_id,
        )
        for one in stored
        if trace_id is None or one.trace_id == trace_id
    ]
    return _nested(calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    name: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]
    outcome: Outcome
    span_id: int | None
    trace_id: int | None


def _nested(calls: Sequence[_Call]) -> tuple[SpanRecord, ...]:
    if not calls:
        raise NoDataError("no measurement of that trace was given; check the trace id")
    traces = {call.trace_id for call in calls}
    if len(traces) > 1:
        raise UsageError(f"measurements of one trace are needed, got {len(traces)} traces; give trace_id=")
    known = {call.span_id for call in calls if call.span_id is not None}
    spare = (number for number in range(1, 2 * len(calls) + 2) if number not in known)
    # Of calls that began together the longer one is outside; of equal ones, that which ended later.
    order = sorted(range(len(calls)), key=lambda at: (calls[at].start_ns, -calls[at].end_ns, -at))
    records: list[SpanRecord] = []
    enclosing: list[SpanRecord] = []
    for at in order:
        call = calls[at]
        while enclosing and enclosing[-1].end_ns < call.end_ns:
            enclosing.pop()
        record = SpanRecord(
            name=call.name,
            span_id=next(spare) if call.span_id is None else call.span_id,
            parent_id=enclosing[-1].span_id if enclosing else None,
            start_ns=call.start_ns,
            end_ns=call.end_ns,
            attributes=call.attributes,
            outcome=call.outcome,
        )
        records.append(record)
        enclosing.append(record)
    return tuple(records)


def _outcome_told(attributes: Mapping[str, Any]) -> Outcome:
    told = attributes.get(_OUTCOME_ATTRIBUTE)
    return next((outcome for outcome in Outcome if outcome.value == told), Outcome.OK)
