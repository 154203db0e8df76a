"""Links from a call's span to spans of other traces; nothing where no provider is installed."""

import sys
from typing import TYPE_CHECKING

from latency_kit.measurement.active import active
from latency_kit.measurement.open_call import OpenCall

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

__all__ = ["current_span_context", "link_to"]


def current_span_context() -> "SpanContext | None":
    """Return the identity of the current span, or None where there is none."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:  # then nobody can have made a span
        return None
    found: SpanContext = trace.get_current_span().get_span_context()
    return found if found.is_valid else None


def link_to(call: OpenCall, other: "SpanContext | None") -> None:
    """Link the span of `call` to the span `other`, unless there is none or it is of the same trace."""
    span = call.span
    if span is None or other is None:
        return
    try:
        if span.get_span_context().trace_id != other.trace_id:
            span.add_link(other)
    except Exception as error:  # noqa: BLE001  # whatever a provider does, the host goes on
        active.losses.count("spans_failed", why=repr(error))
