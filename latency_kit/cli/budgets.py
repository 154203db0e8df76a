"""What `latency-kit budgets check` prints about a policy: pure functions, no terminal."""

import json
from collections.abc import Iterator
from typing import Any

from latency_kit.budget import BudgetPolicy, PlacedBudget
from latency_kit.units import ns_to_ms

__all__ = ["policy_json", "policy_lines"]


def policy_lines(policy: BudgetPolicy, *, source: str) -> Iterator[str]:
    """Yield one line for the file and one for each budget, its allotments indented below it."""
    number = len(policy.placements)
    yield f"{source}: {number} {'budget' if number == 1 else 'budgets'}, no mistake"
    widths = [2 * placed.depth + len(placed.budget.name) for placed in policy.placements]
    width = max(widths, default=0)
    for placed in policy.placements:
        budget = placed.budget
        name = f"{'  ' * placed.depth}{budget.name}"
        limit = f"p{budget.percentile:g} within {ns_to_ms(budget.limit_ns):g} ms"
        yield f"  {name:<{width}}  {limit}  {budget.measures}{_remarks(placed)}"


def policy_json(policy: BudgetPolicy) -> str:
    """Return the budgets as a JSON array, each before its allotments, by dotted name."""
    return json.dumps([_as_data(placed) for placed in policy.placements], indent=2, ensure_ascii=False)


def _remarks(placed: PlacedBudget) -> str:
    remarks = [word for word in ("overlaps", "optional") if getattr(placed, word)]
    return f"  ({', '.join(remarks)})" if remarks else ""


def _as_data(placed: PlacedBudget) -> dict[str, Any]:
    budget = placed.budget
    return {
        "name": placed.name,
        "measures": budget.measures,
        "limit_ms": ns_to_ms(budget.limit_ns),
        "percentile": budget.percentile,
        "min_samples": budget.min_samples,
        "failures": budget.failures.value,
        "overlaps": placed.overlaps,
        "optional": placed.optional,
        "description": budget.description,
        "owner": budget.owner,
    }
