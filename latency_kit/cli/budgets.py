"""What `latency-kit budgets check` prints about a policy: pure functions, no terminal."""

import json
from collections.abc import Iterator
from typing import Any

from latency_kit.budget import BudgetPolicy, Objective, PlacedBudget, window_text
from latency_kit.errors import PolicyError
from latency_kit.units import ns_to_ms

__all__ = ["mistakes_json", "policy_json", "policy_lines"]


def policy_lines(policy: BudgetPolicy, *, source: str) -> Iterator[str]:
    """Yield one line for the file and one for each budget and objective, what is theirs indented below."""
    counted = [f"{len(policy.placements)} {'budget' if len(policy.placements) == 1 else 'budgets'}"]
    if policy.objectives:
        counted.append(
            f"{len(policy.objectives)} {'objective' if len(policy.objectives) == 1 else 'objectives'}"
        )
    yield f"{source}: {', '.join(counted)}, no mistake"
    widths = [2 * placed.depth + len(placed.budget.name) for placed in policy.placements]
    width = max(widths, default=0)
    for placed in policy.placements:
        budget = placed.budget
        name = f"{'  ' * placed.depth}{budget.name}"
        limit = f"p{budget.percentile:g} within {ns_to_ms(budget.limit_ns):g} ms"
        yield f"  {name:<{width}}  {limit}  {budget.measures}{_remarks(placed)}"
    for objective in policy.objectives:
        yield from _objective_lines(objective)


def policy_json(policy: BudgetPolicy) -> str:
    """Return a JSON object: `budgets`, each before its allotments, `objectives`, and no `mistakes`."""
    data = {
        "budgets": [_as_data(placed) for placed in policy.placements],
        "objectives": [_objective_data(objective) for objective in policy.objectives],
        "mistakes": [],
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def mistakes_json(error: PolicyError) -> str:
    """Return a JSON object with all `mistakes`, each beginning with its key and line."""
    return json.dumps({"mistakes": list(error.mistakes)}, indent=2, ensure_ascii=False)


def _remarks(placed: PlacedBudget) -> str:
    remarks = [word for word in ("overlaps", "optional") if getattr(placed, word)]
    if placed.budget.window_ns is not None:
        remarks.insert(0, f"in {window_text(placed.budget.window_ns)}")
    if placed.budget.strict:
        remarks.append("strict")
    return f"  ({', '.join(remarks)})" if remarks else ""


def _objective_lines(objective: Objective) -> Iterator[str]:
    good = f"{objective.target:.10g} within {ns_to_ms(objective.threshold_ns):g} ms"
    window = window_text(objective.window_ns)
    few = f"from {objective.min_events} calls on"
    yield f"  {objective.name}  {good} in {window}, {few}  {objective.measures}"
    for alert in objective.alerts:
        windows = f"{window_text(alert.long_window_ns)} and {window_text(alert.short_window_ns)}"
        yield f"    {alert.name}  burn rate over {alert.burn_rate:g} in {windows}  ({alert.severity})"


def _objective_data(objective: Objective) -> dict[str, Any]:
    return {
        "name": objective.name,
        "measures": objective.measures,
        "threshold_ms": objective.threshold_ms,
        "target": objective.target,
        "window": window_text(objective.window_ns),
        "min_events": objective.min_events,
        "failures": objective.failures.value,
        "alerts": [
            {
                "name": alert.name,
                "long_window": window_text(alert.long_window_ns),
                "short_window": window_text(alert.short_window_ns),
                "burn_rate": alert.burn_rate,
                "severity": alert.severity,
            }
            for alert in objective.alerts
        ],
        "description": objective.description,
        "owner": objective.owner,
    }


def _as_data(placed: PlacedBudget) -> dict[str, Any]:
    budget = placed.budget
    window = {} if budget.window_ns is None else {"window": window_text(budget.window_ns)}
    return {
        "name": placed.name,
        "measures": budget.measures,
        "limit_ms": ns_to_ms(budget.limit_ns),
        "percentile": budget.percentile,
        "min_samples": budget.min_samples,
        "failures": budget.failures.value,
        **window,
        "strict": budget.strict,
        "overlaps": placed.overlaps,
        "optional": placed.optional,
        "description": budget.description,
        "owner": budget.owner,
    }
