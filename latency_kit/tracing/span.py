"""The span: what the API asks of one while it runs. What can be read of it lives in `readable`.

On the path of a measured call a span is a handful of slots; names, attributes and status follow from its
call site and its result, and get a place of their own (`Details`) when somebody changes them.
"""

import logging
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from opentelemetry import trace
from opentelemetry.trace import SpanContext, Status, StatusCode

from latency_kit.tracing.details import Details
from latency_kit.tracing.identity import identify, settled, span_context_of
from latency_kit.tracing.readable import ReadableSide

if TYPE_CHECKING:
    from latency_kit.measurement.call_site import CallSite
    from latency_kit.measurement.measurement import AttributeValue, Outcome
    from latency_kit.tracing.tracer import Tracer

    class _Base(ReadableSide, trace.Span):
        """To type checkers a span is what its registration makes it at run time."""

        __slots__ = ()
else:
    _Base = ReadableSide

__all__ = ["Span", "UnsampledSpan"]

_log = logging.getLogger("latency_kit.tracing")


class Span(_Base):
    """A span that is recorded and sampled. Tracers make them.

    * It ends once; what is set after that is ignored with a warning.
    * Both ends are monotonic readings; wall stamps are those plus the provider's one anchor.
    * Its identity is drawn when somebody asks for it, and never changes.
    * None of its methods takes a lock.

    It is registered as an `opentelemetry.trace.Span` instead of derived from it: the API's class has no
    `__slots__`, and a dictionary for each span is what the path cannot afford.

    Attributes:
        site: What is measured, where `measure_latency` made the span.
        tracer: Who made it.
        start_ns: Start on the monotonic clock.
        end_ns: End on the monotonic clock; None while it runs.
        up: The parent: a span of ours, or an identity; None above the root.
        identity: What `identify` has drawn, else None.
        details: What differs from what site and result say, else None.
        result: Outcome, error type and attributes beyond those of the site, where there is more to say than
            that the call succeeded; while it runs, only the attributes that it began with. Where there are
            details, the attributes are also there.
        context_made: The identity in the form of the API, else None.
    """

    __slots__ = (
        "__weakref__",
        "context_made",
        "details",
        "end_ns",
        "identity",
        "result",
        "site",
        "start_ns",
        "tracer",
        "up",
    )

    site: "CallSite | None"
    tracer: "Tracer"
    start_ns: int
    end_ns: int | None
    up: "Span | bytes | SpanContext | None"
    identity: "bytes | SpanContext | None"
    details: Details | None
    result: "tuple[Outcome, str | None, Mapping[str, AttributeValue] | None] | None"
    context_made: SpanContext | None

    is_sampled = True

    def get_span_context(self) -> SpanContext:
        """Return the identity that children and other processes refer to."""
        made = self.context_made
        if made is None:
            made = self.context_made = span_context_of(identify(self))
        return made

    def is_recording(self) -> bool:
        """Tell whether the span still runs."""
        return self.end_ns is None

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute; one of that name is replaced."""
        if self._is_open("set_attribute"):
            (self.details or self.open_details()).set_attribute(key, value)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set several attributes."""
        if self._is_open("set_attributes"):
            (self.details or self.open_details()).add_attributes(attributes)

    def add_event(
        self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None
    ) -> None:
        """Add an event, now or at the given Unix time in nanoseconds."""
        if self._is_open("add_event"):
            at_unix_nano = self.tracer.provider.now_unix_nano() if timestamp is None else timestamp
            (self.details or self.open_details()).add_event(name, attributes, at_unix_nano)

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        """Add a link to another span."""
        if self._is_open("add_link"):
            (self.details or self.open_details()).add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """Give the span another name."""
        if self._is_open("update_name"):
            (self.details or self.open_details()).name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status; OK is final, UNSET is ignored."""
        if self._is_open("set_status"):
            misplaced = (self.details or self.open_details()).set_status(status, description)
            if misplaced:
                _log.warning("a description beside a Status is ignored: put it into the Status")

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add an event that describes `exception`.

        Source: https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/
        """
        kind = type(exception)
        module = kind.__module__
        described = {
            "exception.type": f"{module}.{kind.__qualname__}"
            if module and module != "builtins"
            else kind.__qualname__,
            "exception.message": str(exception),
            "exception.stacktrace": "".join(traceback.format_exception(exception)),
            "exception.escaped": str(escaped),
        }
        if attributes:
            described.update(attributes)
        self.add_event("exception", described, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """End the span, now or at the given Unix time in nanoseconds, and hand it over."""
        if self.end_ns is not None:
            _log.warning("end() of the span %r, which has ended, is ignored", self.name)
            return
        provider = self.tracer.provider
        self.end_ns = provider.now_ns() if end_time is None else end_time - provider.offset_ns
        provider.take_ended(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace_back: TracebackType | None,
    ) -> None:
        if error is not None and self.end_ns is None:
            details = self.details or self.open_details()
            if details.record_exception:
                self.record_exception(error, escaped=True)
            if details.set_status_on_exception:
                self.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        self.end()

    def open_details(self) -> Details:
        """Return the span's details, made now from its call site where it has none yet."""
        site = self.site
        assert site is not None  # noqa: S101  # spans without a site are made with their details
        attributes = site.span_attributes
        if self.result is not None and self.result[2]:
            attributes = {**attributes, **self.result[2]}
        made = Details(site.name, self.tracer.provider.limits, attributes=attributes)
        details: Details = settled(self, "details", made)
        return details

    def _is_open(self, method: str) -> bool:
        if self.end_ns is None:
            return True
        _log.warning("%s() on the span %r, which has ended, is ignored", method, self.name)
        return False


class UnsampledSpan(Span):
    """A span that is recorded for span processors and not exported: the sampler said RECORD_ONLY."""

    __slots__ = ()

    is_sampled = False


trace.Span.register(Span)
