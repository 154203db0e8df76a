"""What the page shows of the running process: percentiles, budgets, burn rates, calls in flight. Pure.

It holds names, times and counts only: no text of the talk.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import latency_kit
from latency_kit.budget import BudgetEvaluation, LatencyBudget, ObjectiveStatus, Verdict
from latency_kit.units import ns_to_ms

__all__ = ["SHOWN_SERIES", "live_figures"]

SHOWN_SERIES = (
    "turn.end_to_end",
    "capture.endpoint_wait",
    "transcription.queue_wait",
    "transcription.finalise",
    "questions.detect",
    "answering.queue_wait",
    "answering.answer",
    "answering.ollama_cloud",
    "answering.ollama_local",
    "display.show",
)
"""Of which percentiles are shown, in this order: the turn, then its stages."""

_PERCENTILES = (50.0, 95.0, 99.0)

_CALLS_SHOWN = 6
"""Kinds of calls in flight that are listed, the oldest first."""


def live_figures(
    *,
    series: Sequence[latency_kit.SeriesSnapshot],
    evaluations: Iterable[BudgetEvaluation],
    objectives: Iterable[ObjectiveStatus] = (),
    in_flight: Iterable[latency_kit.CallInFlight] = (),
) -> dict[str, object]:
    """Return the figures as JSON-ready data; what does not exist is absent.

    Percentiles are over all calls of the process so far, failed ones among them; times in milliseconds.
    """
    judged = list(evaluations)
    limits = {one.budget.measures: one.budget for one in judged}
    return {
        "percentiles": [_percentiles(name, series, limits.get(name)) for name in _recorded(series)],
        "budgets": [_budget(one) for one in judged],
        "objectives": [_objective(one) for one in objectives],
        "in_flight": _in_flight(in_flight),
    }


def _recorded(series: Sequence[latency_kit.SeriesSnapshot]) -> list[str]:
    present = {one.name for one in series if one.histogram.count}
    return [name for name in SHOWN_SERIES if name in present]


def _percentiles(
    name: str, series: Sequence[latency_kit.SeriesSnapshot], limit: LatencyBudget | None
) -> dict[str, object]:
    first, *others = [one.histogram for one in series if one.name == name]
    durations = first.merge(*others) if others else first
    found = durations.percentiles(_PERCENTILES)
    figures: dict[str, object] = {"name": name, "count": durations.count}
    for percentile in _PERCENTILES:
        # The upper end of a bucket may lie beyond the longest call, which is known exactly.
        figures[f"p{percentile:g}_ms"] = _ms(min(found[percentile], durations.max_ns))
    if limit is not None:
        figures["limit_ms"] = ns_to_ms(limit.limit_ns)
        figures["limit_percentile"] = limit.percentile
    return figures


def _budget(evaluation: BudgetEvaluation) -> dict[str, object]:
    budget = evaluation.budget
    figures: dict[str, object] = {
        "name": evaluation.name.rpartition(".")[2],
        "measures": budget.measures,
        "limit_ms": ns_to_ms(budget.limit_ns),
        "percentile": budget.percentile,
        "count": evaluation.count,
        "over": evaluation.over_limit_count,
        "verdict": evaluation.verdict.value,
    }
    if evaluation.is_observed:
        figures["observed_ms"] = _ms(evaluation.observed_ns)
    allowed = 1 - budget.percentile / 100
    if evaluation.count and allowed > 0:
        # Share of calls over the limit against the share that may be: 1 is just within the budget.
        figures["burn_rate"] = round(evaluation.over_limit_count / evaluation.count / allowed, 2)
    return figures


def _objective(status: ObjectiveStatus) -> dict[str, object]:
    figures: dict[str, object] = {
        "name": status.name,
        "target": status.objective.target,
        "threshold_ms": ns_to_ms(status.objective.threshold_ns),
        "verdict": status.verdict.value,
        "events": status.events,
        "bad": status.bad,
        "firing": list(status.firing),
        "burns": [
            {"window_s": burn.window_ns // 1_000_000_000, "burn_rate": round(burn.burn_rate, 2)}
            for burn in status.burns
            if burn.events
        ],
    }
    if status.verdict is not Verdict.NO_DATA:
        figures["remaining_error_budget"] = round(status.remaining_error_budget, 4)
    return figures


def _in_flight(calls: Iterable[latency_kit.CallInFlight]) -> list[dict[str, object]]:
    """List what is under way by name, without the turns themselves: their stages say more."""
    counted: Counter[str] = Counter()
    oldest_ns: dict[str, int] = {}
    for call in calls:
        if call.component == "turn":
            continue
        counted[call.name] += 1
        oldest_ns[call.name] = max(oldest_ns.get(call.name, 0), call.age_ns)
    eldest = sorted(oldest_ns, key=lambda name: -oldest_ns[name])[:_CALLS_SHOWN]
    return [{"name": name, "count": counted[name], "oldest_ms": _ms(oldest_ns[name])} for name in eldest]


def _ms(duration_ns: int) -> float:
    return round(ns_to_ms(duration_ns), 2)
