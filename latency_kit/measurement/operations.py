"""Operations that no single block encloses: begun here, ended there; or known only afterwards."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from opentelemetry.context import Context

from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.context import current_context
from latency_kit.measurement.given_times import given_ns, given_outcome
from latency_kit.measurement.open_call import OpenCall, open_call
from latency_kit.measurement.values import AttributeValue, Outcome

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from latency_kit.measurement.end_to_end import CheckpointIntervals

__all__ = ["Operation", "begin", "now_ns", "record"]


def now_ns() -> int:
    """Return the monotonic clock that measurements are taken from, in nanoseconds."""
    return active.clock()


class Operation:
    """An operation that runs across tasks, threads or sockets, from `begin` to `end`.

    * It ends once; a second end is ignored.
    * Checkpoints keep their times whether or not a span is made.
    * It may be begun, marked and ended on different threads.
    """

    __slots__ = ("_call", "_checkpoints", "_intervals", "context", "start_ns")

    def __init__(
        self,
        call: OpenCall | None,
        context: Context,
        start_ns: int,
        intervals: "CheckpointIntervals | None" = None,
    ) -> None:
        self._call = call
        self.context = context
        self.start_ns = start_ns
        self._checkpoints: dict[str, int] = {}
        self._intervals = intervals

    @property
    def span(self) -> "Span | None":
        """The operation's span, where one is made."""
        return None if self._call is None else self._call.span

    @property
    def traceparent(self) -> str:
        """The W3C `traceparent` of the operation's span; empty where no span is made."""
        return "" if self._call is None else self._call.traceparent

    @property
    def trace_id(self) -> str:
        """The 32 hexadecimal digits of the trace; empty where no span is made."""
        return self.traceparent.split("-")[1] if self.traceparent else ""

    @property
    def checkpoints(self) -> Mapping[str, int]:
        """The checkpoints passed so far: monotonic times by name, in the order they were passed."""
        return dict(self._checkpoints)

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Add an attribute to the operation's span and measurement."""
        if self._call is not None:
            self._call.set_attribute(key, value)

    def checkpoint(self, name: str, at_ns: int | None = None) -> int:
        """Note that the operation passed `name` now (or at `at_ns`); return the time noted.

        The span gets an event of that name at that time. A checkpoint passed again keeps its first time.
        """
        passed_ns = active.clock() if at_ns is None else given_ns("at_ns", at_ns)
        known_ns = self._checkpoints.setdefault(name, passed_ns)
        if known_ns is passed_ns and self._call is not None and self._call.span is not None:
            try:
                self._call.span.add_event(name, timestamp=active.anchor.to_unix_nano(passed_ns))
            except Exception as error:  # noqa: BLE001  # whatever a provider does, the host goes on
                active.losses.count("spans_failed", why=repr(error))
        return known_ns

    def rename(self, operation: str) -> None:
        """Change what the operation is, once it turns out; the measurement and the span follow.

        Raises:
            UsageError: `operation` is not a name.
        """
        if self._call is None:
            return
        site = self._call.site
        renamed = CallSite(site.component, operation, site.attributes, makes_span=site.makes_span)
        self._call.site = renamed
        if self._call.span is not None:
            self._call.span.update_name(renamed.name)
            self._call.span.set_attribute("latency.operation", operation)

    def end(
        self,
        *,
        at_ns: int | None = None,
        outcome: Outcome | str = Outcome.OK,
        error: BaseException | str | None = None,
    ) -> None:
        """End the operation now, or at `at_ns`; an end before its start counts as its start.

        Raises:
            UsageError: `at_ns` is no time, or there is no such outcome.
        """
        call = self._call
        outcome = given_outcome(outcome)
        end_ns = active.clock() if at_ns is None else given_ns("at_ns", at_ns)
        if call is None or call.ended:
            return
        if self._intervals is not None:
            self._intervals.note(self.start_ns, self._checkpoints, end_ns, outcome, call.span)
        call.end(outcome, error, at_ns=end_ns)

    def carrier(self) -> dict[str, str]:
        """Return what another process needs to go on with this operation: header-safe strings.

        Put them into a message, or into the headers of a request; `latency_kit.resume` takes them. They hold
        the trace context and baggage as the program's propagators write them, how long ago the operation
        began and passed its checkpoints, and no wall time.
        """
        from latency_kit.measurement.end_to_end import carrier_of_operation  # noqa: PLC0415  # for few programs

        return carrier_of_operation(self)


def begin(
    component: str,
    operation: str,
    *,
    start_ns: int | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    context: Context | None = None,
    intervals: Sequence[tuple[str, str]] = (),
) -> Operation:
    """Begin an operation that ends elsewhere.

    Args:
        component: The part of the program.
        operation: What it does.
        start_ns: When it began on the monotonic clock; now by default.
        attributes: Attributes of the operation.
        context: Its parent; the current context by default, `Context()` for a trace of its own.
        intervals: Pairs of checkpoints whose distance is a series of its own: `("heard", "answered")` gives
            `operation.heard_to_answered`. "start" and "end" are those of the operation.

    Raises:
        UsageError: A name, an attribute, a time or an interval is unfit.
    """
    site = CallSite(component, operation, attributes)
    measured = None
    if intervals:
        from latency_kit.measurement.end_to_end import CheckpointIntervals  # noqa: PLC0415  # for few programs

        measured = CheckpointIntervals.of(site, intervals)
    begun_ns = active.clock() if start_ns is None else given_ns("start_ns", start_ns)
    parent = current_context() if context is None else context
    call = open_call(site, context=parent, start_ns=begun_ns)
    inside = parent
    if call is not None and call.span is not None:
        from opentelemetry.trace import set_span_in_context  # noqa: PLC0415  # loaded with the provider

        inside = set_span_in_context(call.span, parent)
    return Operation(call, inside, begun_ns, measured)


def record(
    component: str,
    operation: str,
    *,
    start_ns: int,
    end_ns: int,
    attributes: Mapping[str, AttributeValue] | None = None,
    outcome: Outcome | str = Outcome.OK,
    error: BaseException | str | None = None,
    context: Context | None = None,
    span: bool = True,
    expected_interval_ns: int | None = None,
) -> None:
    """Record a call that is known only afterwards.

    Args:
        component: The part of the program.
        operation: What it did.
        start_ns: Its start on the monotonic clock (`now_ns`).
        end_ns: Its end on the monotonic clock.
        attributes: Attributes of the call.
        outcome: How it ended.
        error: The exception, or the name of its type.
        context: Parent of its span; the current context by default.
        span: False records the histogram only.
        expected_interval_ns: How often a fixed-rate source means to do this; the series `operation.corrected`
            then holds beside the calls those that one of them kept from being taken.

    Raises:
        UsageError: The end lies before the start, or a name, an attribute, a time or the outcome is unfit.
    """
    start_ns, end_ns = given_ns("start_ns", start_ns), given_ns("end_ns", end_ns)
    outcome = given_outcome(outcome)
    if end_ns < start_ns:
        raise UsageError(
            f"{component}.{operation} cannot end at {end_ns} before it starts at {start_ns}; "
            "both are monotonic nanoseconds as now_ns() gives them"
        )
    if expected_interval_ns is None:
        site = CallSite(component, operation, attributes, makes_span=span)
    else:
        from latency_kit.measurement.expected_interval import fixed_rate_site  # noqa: PLC0415  # for few programs

        site = fixed_rate_site(component, operation, expected_interval_ns, attributes, makes_span=span)
    call = open_call(site, context=context, start_ns=start_ns)
    if call is not None:
        call.end(outcome, error, at_ns=end_ns)
