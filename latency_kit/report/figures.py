"""Which figures a report has: of the budgets, of each component, of the turns and of the slowest traces."""

from collections.abc import Sequence
from dataclasses import dataclass

from latency_kit.baseline import StoredSession
from latency_kit.budget import LatencyBudget
from latency_kit.report.burn_figure import burn_figure
from latency_kit.report.distribution_figure import heat_map, histogram_figure
from latency_kit.report.figure import ReportFigure
from latency_kit.report.percentile_figure import percentile_figure
from latency_kit.report.turns_figure import turns_figure
from latency_kit.report.waterfall_figure import waterfall_figure
from latency_kit.session import Session

__all__ = ["MAX_COMPONENTS", "MAX_WATERFALLS", "ComponentFigures", "ReportFigures", "report_figures"]

MAX_COMPONENTS = 12
"""Operations that are drawn; the table has all of them."""

MAX_WATERFALLS = 5
"""Traces that are drawn; the table has all that were kept."""

_LEAST_CALLS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentFigures:
    """The figures of one operation.

    Attributes:
        name: `component.operation`.
        figures: Percentile curves, distribution and, where the session has one, the course over the run.
    """

    name: str
    figures: tuple[ReportFigure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFigures:
    """All figures of a report.

    Attributes:
        budgets: How much of each budget's allowance is used up.
        components: Of each operation that is drawn, the end-to-end one first.
        not_drawn: Names of operations that are in the table only.
        turns: Where the time of each turn went.
        waterfalls: The slowest traces, slowest first.
    """

    budgets: ReportFigure | None
    components: tuple[ComponentFigures, ...]
    not_drawn: tuple[str, ...]
    turns: ReportFigure | None
    waterfalls: tuple[ReportFigure, ...]


def report_figures(session: Session, *, baseline: StoredSession | None = None) -> ReportFigures:
    """Draw the figures of `session`, with those of `baseline` laid over where it has the same operation."""
    names = _by_weight(session)
    drawn = names[:MAX_COMPONENTS]
    before = {} if baseline is None else baseline.histograms()
    components = []
    for number, name in enumerate(drawn):
        now = session.durations(name).good
        budgets: Sequence[LatencyBudget] = [
            one.budget for one in session.evaluations if one.budget.measures == name
        ]
        figures = [
            percentile_figure(f"p{number}", name, now, baseline=before.get(name), budgets=budgets),
            histogram_figure(f"d{number}", name, now, baseline=before.get(name), budgets=budgets),
            heat_map(f"h{number}", name, session.intervals, operation=name, budgets=budgets),
        ]
        components.append(
            ComponentFigures(name=name, figures=tuple(one for one in figures if one is not None))
        )
    return ReportFigures(
        budgets=burn_figure("burn", session.evaluations),
        components=tuple(components),
        not_drawn=tuple(names[MAX_COMPONENTS:]),
        turns=turns_figure("turns", session.accounts) if session.accounts else None,
        waterfalls=tuple(
            waterfall_figure(f"w{number}", trace)
            for number, trace in enumerate(session.traces[:MAX_WATERFALLS])
        ),
    )


def _by_weight(session: Session) -> list[str]:
    """Return the operations that can be drawn: end to end, then those with a budget, then by their time."""
    budgeted = [one.budget.measures for one in session.evaluations]
    totals = {
        name: good.sum_ns
        for name in session.series_names
        if (good := session.durations(name).good).count >= _LEAST_CALLS
    }
    return sorted(
        totals,
        key=lambda name: (
            name != session.end_to_end,
            budgeted.index(name) if name in budgeted else len(budgeted),
            -totals[name],
        ),
    )
