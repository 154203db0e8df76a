"""A measured call while it runs: its start, its span, what was added to it, and its end."""

from collections.abc import Mapping
from contextvars import Token
from typing import TYPE_CHECKING, Any, Protocol

from latency_kit.measurement.active import active, current_span_maker
from latency_kit.measurement.call_site import CallSite, is_attribute_value
from latency_kit.measurement.outcomes import error_name, outcome_of
from latency_kit.measurement.values import AttributeValue, Outcome

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from latency_kit.measurement.spans import SpanMaker

__all__ = [
    "NOTHING_OPEN",
    "MeasuredBlock",
    "OpenCall",
    "enter_call",
    "is_kept_attribute",
    "open_call",
]


class MeasuredBlock(Protocol):
    """What a `with measure_latency(...)` block is given."""

    @property
    def span(self) -> "Span | None":
        """The block's span; None where none is made."""
        ...

    @property
    def traceparent(self) -> str:
        """The W3C `traceparent` of the block's span; empty where none is made."""
        ...

    def set_attribute(self, key: str, value: AttributeValue, /) -> None:
        """Add an attribute to the block's span and measurement."""
        ...

    def set_attributes(self, attributes: Mapping[str, AttributeValue], /) -> None:
        """Add several attributes."""
        ...


class OpenCall:
    """One call that has begun and not yet ended.

    * It ends once; a second end is ignored.
    * Attributes may be added until it ends; one of a type that OpenTelemetry cannot hold is dropped and
      counted as "attributes_dropped", it never raises.
    """

    __slots__ = ("_attributes", "_maker", "_token", "ended", "site", "span", "start_ns")

    def __init__(self, site: CallSite, start_ns: int, maker: "SpanMaker | None", span: "Span | None") -> None:
        self.site = site
        self.start_ns = start_ns
        self.span = span
        self.ended = False
        self._maker = maker
        self._token: Token[Context] | None = None
        self._attributes: dict[str, AttributeValue] | None = None

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Add an attribute to the span and to the measurement's metadata."""
        if is_kept_attribute(key, value):
            if self._attributes is None:
                self._attributes = {}
            self._attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Add several attributes."""
        for key, value in attributes.items():
            self.set_attribute(key, value)

    @property
    def traceparent(self) -> str:
        """The W3C `traceparent` of this call's span; empty where no span is made."""
        if self.span is None:
            return ""
        from latency_kit.measurement.context import traceparent_of  # noqa: PLC0415  # needs a provider

        return traceparent_of(self.span.get_span_context())

    def activate(self) -> None:
        """Make this call the parent of what begins in the current task or thread."""
        if self._maker is not None and self.span is not None:
            self._token = self._maker.activate(self.span)

    def deactivate(self) -> None:
        """Undo `activate`, in the same task or thread."""
        token, self._token = self._token, None
        if token is not None and self._maker is not None:
            self._maker.deactivate(token)

    def end(
        self,
        outcome: Outcome = Outcome.OK,
        error: BaseException | str | None = None,
        *,
        at_ns: int | None = None,
    ) -> None:
        """End the call: finish its span and hand the measurement over."""
        end_ns = active.clock() if at_ns is None else at_ns
        if self.ended:
            return
        self.ended = True
        end_ns = max(end_ns, self.start_ns)
        if self._maker is not None and self.span is not None:
            entry = self._maker.finish(
                self.site,
                self.span,
                self.start_ns,
                end_ns,
                outcome=outcome,
                error=error,
                attributes=self._attributes,
            )
        else:
            entry = (self.site, self.start_ns, end_ns, outcome, error_name(error), self._attributes, None)
        append = active.append
        if append is not None:
            append(entry)

    def end_with(self, error: BaseException) -> None:
        """End the call by the exception that left it."""
        self.end(outcome_of(error), error)


def is_kept_attribute(key: str, value: AttributeValue) -> bool:
    """Tell whether an attribute that was added to a call can be kept; it is counted where it cannot."""
    if isinstance(key, str) and key and is_attribute_value(value):
        return True
    active.losses.count("attributes_dropped", why=f"{key!r} of type {type(value).__name__}")
    return False


class _NothingOpen:
    """Stands for an open call while nothing is measured; takes attributes and forgets them."""

    __slots__ = ()

    traceparent = ""
    span = None

    def set_attribute(self, key: str, value: Any) -> None:
        """Forget the attribute."""

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Forget the attributes."""


NOTHING_OPEN = _NothingOpen()


def open_call(
    site: CallSite,
    *,
    context: "Context | None" = None,
    start_ns: int | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> OpenCall | None:
    """Begin a call of `site` without making it current; None where nothing at all is measured."""
    maker = current_span_maker() if site.makes_span else None
    if maker is None and active.append is None:
        return None
    begun_ns = active.clock() if start_ns is None else start_ns
    span = maker.start(site, begun_ns, context=context) if maker is not None else None
    call = (active.call_class or OpenCall)(site, begun_ns, maker, span)
    if attributes:
        call.set_attributes(attributes)
    return call


def enter_call(site: CallSite) -> OpenCall | None:
    """Begin a call of `site` and make it current; None where nothing at all is measured."""
    call = open_call(site)
    if call is not None:
        call.activate()
    return call
