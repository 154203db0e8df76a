"""Spans through the OpenTelemetry API, stamped from the wall anchor plus the monotonic clock.

The only module of the floor that imports `opentelemetry.trace`; it is loaded when a provider exists.
No failure of a provider, sampler or span processor reaches the measured code from here.
"""

from collections.abc import Mapping, Sequence
from contextvars import Token
from typing import Any

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode, Tracer

from latency_kit.measurement.active import Entry, active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.context import leave_context
from latency_kit.measurement.outcomes import error_name, error_type
from latency_kit.measurement.values import AttributeValue, Outcome

__all__ = ["INSTRUMENTATION_NAME", "SpanMaker", "is_suppressed", "mark_outcome"]

INSTRUMENTATION_NAME = "latency_kit"
"""The instrumentation scope of our spans and metrics."""


_SUPPRESSED_BEFORE = "suppress_instrumentation"
_SUPPRESSED: str = getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", _SUPPRESSED_BEFORE)
"""The keys by which instrumentation packages, older and newer, agree to look away."""


def is_suppressed(context: Context) -> bool:
    """Tell whether instrumentation is to look away in `context`, as exporters ask while they send."""
    return bool(context) and bool(context.get(_SUPPRESSED) or context.get(_SUPPRESSED_BEFORE))


class SpanMaker:
    """Starts, activates and finishes spans on one tracer.

    * Both ends of a span are explicit: wall anchor plus monotonic reading.
    * No method raises for a telemetry failure; the loss is counted as "spans_failed".
    """

    __slots__ = ("tracer",)

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer

    @classmethod
    def of_provider(cls, provider: Any) -> "SpanMaker":
        """Make spans with the tracer that `provider` gives to latency_kit."""
        return cls(provider.get_tracer(INSTRUMENTATION_NAME))

    def start(
        self,
        site: CallSite,
        start_ns: int,
        *,
        context: Context | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
        links: Sequence[SpanContext] = (),
    ) -> Span | None:
        """Start a span of `site` under `context` (the current one by default) without activating it.

        None where instrumentation is to look away.
        """
        if is_suppressed(context_api.get_current() if context is None else context):
            return None
        merged = {**site.span_attributes, **attributes} if attributes else dict(site.span_attributes)
        try:
            return self.tracer.start_span(
                site.name,
                context=context,
                attributes=merged,
                links=[Link(linked) for linked in links] if links else None,
                start_time=active.anchor.to_unix_nano(start_ns),
                record_exception=False,
                set_status_on_exception=False,
            )
        except Exception as error:  # noqa: BLE001  # whatever a provider does, the host goes on
            active.losses.count("spans_failed", why=repr(error))
            return trace.INVALID_SPAN

    def activate(self, span: Span) -> Token[Context]:
        """Make `span` the current one; give the token to `deactivate` in the same task or thread."""
        return context_api.attach(trace.set_span_in_context(span))

    def deactivate(self, token: Token[Context]) -> None:
        """Make current again what was current before `activate`; see `leave_context`."""
        leave_context(token)

    def finish(
        self,
        site: CallSite,
        span: Span,
        start_ns: int,
        end_ns: int,
        *,
        outcome: Outcome,
        error: BaseException | str | None,
        attributes: Mapping[str, AttributeValue] | None,
    ) -> Entry:
        """Set attributes, status and exception of `span`, end it at `end_ns`, and return what to record."""
        end_unix_nano = active.anchor.to_unix_nano(end_ns)
        try:
            if attributes:
                span.set_attributes(attributes)
            if outcome is not Outcome.OK:
                mark_outcome(span, end_unix_nano, outcome, error)
            span.end(end_time=end_unix_nano)
        except Exception as failure:  # noqa: BLE001  # whatever a provider does, the host goes on
            active.losses.count("spans_failed", why=repr(failure))
        return (site, start_ns, end_ns, outcome, error_name(error), attributes, span)


def mark_outcome(span: Span, at_unix_nano: int, outcome: Outcome, error: BaseException | str | None) -> None:
    """Say on a span that runs that its call did not simply succeed."""
    span.set_attribute("latency.outcome", outcome.value)
    if outcome is Outcome.ERROR or outcome is Outcome.TIMED_OUT:
        if isinstance(error, BaseException):
            span.set_attribute("error.type", error_type(error))
            span.record_exception(error, timestamp=at_unix_nano)
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        else:
            span.set_attribute("error.type", error or outcome.value)
            span.set_status(Status(StatusCode.ERROR, error or outcome.value))
