"""Strict budgets: the check that raises where a call was measured. Who calls it lives elsewhere."""

from collections.abc import Mapping

from latency_kit.budget.policy import BudgetPolicy, PlacedBudget
from latency_kit.budget.rules import ms_text
from latency_kit.errors import BudgetExceededError
from latency_kit.units import ns_to_ms

__all__ = ["StrictLimit", "strict_limits"]


class StrictLimit:
    """The tightest strict limit of one series.

    Attributes:
        placed: The budget that sets it.
        limit_ns: What a call may take.
    """

    __slots__ = ("limit_ns", "placed")

    def __init__(self, placed: PlacedBudget) -> None:
        self.placed = placed
        self.limit_ns = placed.budget.limit_ns

    def check(self, duration_ns: int) -> None:
        """Let a duration pass that is at most the limit.

        Raises:
            BudgetExceededError: It is longer.
        """
        if duration_ns > self.limit_ns:
            raise self.exceeded(duration_ns)

    def exceeded(self, duration_ns: int) -> BudgetExceededError:
        """Return the error for a call that took too long."""
        budget = self.placed.budget
        over = ns_to_ms(duration_ns - self.limit_ns)
        return BudgetExceededError(
            f"{budget.measures} took {ns_to_ms(duration_ns):.6g} ms, {over:.6g} ms over its strict budget "
            f"'{self.placed.name}' of {ms_text(self.limit_ns)}",
            budget=self.placed.name,
            duration_ns=duration_ns,
            limit_ns=self.limit_ns,
        )


def strict_limits(policy: BudgetPolicy) -> Mapping[tuple[str, str], StrictLimit]:
    """Return the tightest strict limit of each series that has one, by (component, operation)."""
    found: dict[tuple[str, str], StrictLimit] = {}
    for placed in policy.placements:
        known = found.get(placed.budget.series)
        if placed.budget.strict and (known is None or placed.budget.limit_ns < known.limit_ns):
            found[placed.budget.series] = StrictLimit(placed)
    return found
