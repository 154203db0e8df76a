"""What budgets and objectives give to metrics: numbers with names and units. Export lives elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from latency_kit.budget.evaluation import Verdict
from latency_kit.budget.objective_status import ObjectiveStatus
from latency_kit.budget.window_length import window_text

__all__ = ["BudgetFigure", "breach_figures", "objective_figures", "over_limit_figures"]

OBJECTIVE = "latency.objective.name"
BUDGET = "latency.budget.name"
WINDOW = "latency.window"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetFigure:
    """One number of a metric: a level, or a running total where it has a start.

    Attributes:
        name: Of the metric.
        unit: In UCUM.
        description: One line for people.
        value: The level, or the total since `start_unix_nano`.
        start_unix_nano: Since when a running total counts; None makes it a level.
        attributes: Of this number; numbers of one name differ in them.
    """

    name: str
    unit: str
    description: str
    value: int | float
    start_unix_nano: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


def objective_figures(statuses: Sequence[ObjectiveStatus]) -> Iterator[BudgetFigure]:
    """Yield what is left of each error budget, and how fast it burns in each window; nothing without data."""
    for status in statuses:
        named = {OBJECTIVE: status.name}
        if status.verdict is not Verdict.NO_DATA:
            yield BudgetFigure(
                name="latency.objective.error_budget.remaining",
                unit="1",
                description="What is left of the error budget: 1 all of it, below 0 overspent.",
                value=status.remaining_error_budget,
                attributes=named,
            )
        for burn in status.burns:
            if burn.events:
                yield BudgetFigure(
                    name="latency.objective.burn_rate",
                    unit="1",
                    description="How fast the error budget burns: 1 uses it up in the objective's window.",
                    value=burn.burn_rate,
                    attributes={**named, WINDOW: window_text(burn.window_ns)},
                )
        yield BudgetFigure(
            name="latency.objective.alerts_firing",
            unit="{alert}",
            description="Alerts of the objective that have begun and not ended.",
            value=len(status.firing),
            attributes=named,
        )


def breach_figures(breaches: Mapping[str, int], *, start_unix_nano: int) -> Iterator[BudgetFigure]:
    """Yield how often each budget or objective began to be breached, given by "budget/NAME"."""
    for subject, number in breaches.items():
        kind, _, name = subject.partition("/")
        yield BudgetFigure(
            name="latency.budget.breaches",
            unit="{breach}",
            description="How often the budget, or the objective's error budget, began to be breached.",
            value=number,
            start_unix_nano=start_unix_nano,
            attributes={OBJECTIVE if kind == "objective" else BUDGET: name},
        )


def over_limit_figures(over_limit: Mapping[str, int], *, start_unix_nano: int) -> Iterator[BudgetFigure]:
    """Yield how many calls were over each budget's limit, as `BudgetWatch.over_limit` has them."""
    for name, number in over_limit.items():
        yield BudgetFigure(
            name="latency.budget.calls_over_limit",
            unit="{call}",
            description="Calls that took longer than the budget's limit.",
            value=number,
            start_unix_nano=start_unix_nano,
            attributes={BUDGET: name},
        )
