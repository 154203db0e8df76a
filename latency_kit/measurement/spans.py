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

from latency_kit.measurement.active import active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.context import leave_context
from latency_kit.measurement.measurement import AttributeValue, Outcome
from latency_kit.measurement.outcomes import error_type

__all__ = ["INSTRUMENTATION_NAME", "SpanMaker"]

INSTRUMENTATION_NAME = "latency_kit"
"""The instrumentation scope of our spans and metrics."""


class SpanMaker:
    """Starts, activates and finishes spans on one tracer.

    * Both ends of a span are explicit: wall anchor plus monotonic reading.
    * No method raises for a telemetry failure; the loss is counted as "spans_failed".
    """

    __slots__ = ("_tracer",)

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

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
    ) -> Span:
        """Start a span of `site` under `context` (the current one by default) without activating it."""
        merged: dict[str, Any] = {
            "latency.component": site.component,
            "latency.operation": site.operation,
            **site.attributes,
        }
        if attributes:
            merged.update(attributes)
        try:
            return self._tracer.start_span(
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
        span: Span,
        end_ns: int,
        outcome: Outcome,
        error: BaseException | str | None,
        attributes: Mapping[str, AttributeValue] | None,
    ) -> None:
        """Set attributes, status and exception of `span` and end it at `end_ns`."""
        end_unix_nano = active.anchor.to_unix_nano(end_ns)
        try:
            if attributes:
                span.set_attributes(attributes)
            if outcome is not Outcome.OK:
                span.set_attribute("latency.outcome", outcome.value)
            if outcome is Outcome.ERROR or outcome is Outcome.TIMED_OUT:
                self._mark_failed(span, end_unix_nano, outcome, error)
            span.end(end_time=end_unix_nano)
        except Exception as failure:  # noqa: BLE001  # whatever a provider does, the host goes on
            active.losses.count("spans_failed", why=repr(failure))

    @staticmethod
    def _mark_failed(
        span: Span, at_unix_nano: int, outcome: Outcome, error: BaseException | str | None
    ) -> None:
        if isinstance(error, BaseException):
            span.set_attribute("error.type", error_type(error))
            span.record_exception(error, timestamp=at_unix_nano)
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        else:
            span.set_attribute("error.type", error or outcome.value)
            span.set_status(Status(StatusCode.ERROR, error or outcome.value))
