"""Notices as span events on the trace of the call that made the alert fire.

That call's span has ended when windows are judged, and an ended span takes no more events. So the event
stands on a short span of its own, `latency_kit.budget.alert`, which is a child of the call's span: whoever
opens the trace sees it there. A notice without a trace makes no span.
"""

from latency_kit.budget.notices import AlertNotice
from latency_kit.measurement.active import active, current_span_maker
from latency_kit.measurement.context import context_from_traceparent

__all__ = ["ALERT_EVENT", "SPAN_NAME", "span_alert"]

ALERT_EVENT = "latency.budget.alert"

SPAN_NAME = "latency_kit.budget.alert"


def span_alert(notice: AlertNotice) -> None:
    """Put a notice on the trace of its call; an alert sink. Does nothing where no provider makes spans."""
    if notice.trace_id is None or notice.span_id is None:
        return
    maker = current_span_maker()
    if maker is None:
        return
    context = context_from_traceparent(f"00-{notice.trace_id:032x}-{notice.span_id:016x}-01")
    now_unix_nano = active.anchor.to_unix_nano(active.clock())
    span = maker.tracer.start_span(
        SPAN_NAME,
        context=context,
        attributes={"latency.alert.key": notice.key, "latency.alert.kind": notice.kind.value},
        start_time=now_unix_nano,
    )
    span.add_event(
        ALERT_EVENT,
        {
            "latency.alert.severity": notice.severity,
            "latency.alert.measures": notice.measures,
            "latency.alert.message": notice.message,
            **{f"latency.alert.{name}": value for name, value in notice.figures.items()},
        },
        timestamp=now_unix_nano,
    )
    span.end(end_time=now_unix_nano)
