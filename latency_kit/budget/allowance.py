"""`allow(...)`: whether an optional stage still fits what remains of the deadline."""

from latency_kit.budget.deadline import current_deadline
from latency_kit.budget.decisions import add_span_event, decisions
from latency_kit.budget.model import DEFAULT_MIN_SAMPLES, DEFAULT_PERCENTILE, LatencyBudget
from latency_kit.budget.recent_latency import recent_latencies
from latency_kit.errors import UsageError
from latency_kit.measurement.measurement import AttributeValue
from latency_kit.units import NS_PER_MS

__all__ = ["allow"]


def allow(
    component: str | LatencyBudget,
    operation: str | None = None,
    *,
    percentile: float | None = None,
    margin_ms: float = 0,
    min_samples: int | None = None,
    unknown_ms: float | None = None,
) -> bool:
    """Tell whether an operation is likely to be done before the current deadline.

        if latency_kit.allow("terms", "explain", margin_ms=100):
            await explain(terms)

    It fits where what remains, less the margin, is at least what `percentile` percent of its recent calls
    (the last five minutes) needed. Calls that were given up count as longer than they took. Without a
    deadline everything fits; once it has passed nothing does.

    An operation that is skipped is measured no more. When the calls that told against it are more than
    five minutes old, one call a second is allowed all the same, until `min_samples` new ones tell.

    Each decision is counted (`latency.deadline.decisions`) and put on the current span as an event.

    Args:
        component: The part of the program; or a budget, which gives operation, percentile, minimum of
            samples, and with its limit what is assumed while too little is known.
        operation: What it does.
        percentile: How sure to be, in percent; 95 by default.
        margin_ms: What has to be left for the work that follows, in milliseconds.
        min_samples: With fewer recent calls `unknown_ms` is assumed; 20 by default.
        unknown_ms: What to assume while too little is known: 0 by default, so that anything is allowed
            until the deadline has passed; `math.inf` allows nothing unknown.

    Raises:
        UsageError: No operation is given, or the percentile is not in (0, 100].
    """
    if isinstance(component, LatencyBudget):
        budget = component
        component, operation = budget.series
        percentile = budget.percentile if percentile is None else percentile
        min_samples = budget.min_samples if min_samples is None else min_samples
        unknown_ms = budget.limit_ms if unknown_ms is None else unknown_ms
    elif operation is None:
        raise UsageError(f"allow({component!r}) names no operation; write allow('component', 'operation')")
    deadline = current_deadline()
    if deadline is None:
        _note(component, operation, "no_deadline", is_allowed=True)
        return True
    left_ns = deadline.remaining_ns() - margin_ms * NS_PER_MS
    latency = recent_latencies.of(component, operation)
    fewest = DEFAULT_MIN_SAMPLES if min_samples is None else min_samples
    needed_ns = latency.needed_ns(DEFAULT_PERCENTILE if percentile is None else percentile, fewest)
    if needed_ns is None:
        needed_ns = 0.0 if unknown_ms is None else unknown_ms * NS_PER_MS
        why = "unknown"
    else:
        why = "recent"
    is_allowed = left_ns > 0 and needed_ns <= left_ns
    if not is_allowed and left_ns > 0 and why == "recent" and latency.is_outdated(fewest):
        is_allowed = latency.take_trial()
        why = "trial" if is_allowed else "outdated"
    _note(component, operation, why, is_allowed=is_allowed, left_ns=left_ns, needed_ns=needed_ns)
    return is_allowed


def _note(
    component: str,
    operation: str,
    why: str,
    *,
    is_allowed: bool,
    left_ns: float | None = None,
    needed_ns: float | None = None,
) -> None:
    decision = "allowed" if is_allowed else "skipped"
    decisions.count(
        "latency.deadline.decisions", component=component, operation=operation, decision=decision, why=why
    )
    attributes: dict[str, AttributeValue] = {
        "latency.component": component,
        "latency.operation": operation,
        "latency.decision": decision,
        "latency.why": why,
    }
    if left_ns is not None and needed_ns is not None:
        attributes["latency.left_ms"] = left_ns / NS_PER_MS
        attributes["latency.needed_ms"] = needed_ns / NS_PER_MS
    add_span_event("deadline.decision", attributes)
