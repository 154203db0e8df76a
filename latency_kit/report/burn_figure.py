"""How much of its allowance each budget has used up, as bars against the line of all of it."""

from collections.abc import Sequence

from latency_kit.budget import BudgetEvaluation
from latency_kit.report.drawing import Axes, Ink, draw, plain
from latency_kit.report.figure import ReportFigure
from latency_kit.report.run_content import burn_of
from latency_kit.report.wording import share_figure

__all__ = ["burn_figure"]

_MOST = 3.0
"""Bars end here: a budget that is used up ten times over would leave nothing of the others to see."""


def burn_figure(name: str, evaluations: Sequence[BudgetEvaluation]) -> ReportFigure | None:
    """Draw the budgets that have calls; None where there are none.

    Args:
        name: Identity of the figure in its page.
        evaluations: The judged budgets.
    """
    burns = [(one.name, burn) for one in evaluations if (burn := burn_of(one)) is not None]
    if not burns:
        return None

    def paint(axes: Axes) -> None:
        for row, (called, burn) in enumerate(burns):
            ink = Ink.LIMIT if burn > 1 else Ink.NOW
            axes.barh(row, min(burn, _MOST), height=0.4, color=ink.value, hatch="////" if burn > 1 else "")
            axes.text(
                0.01, row - 0.5, f"{plain(called, 60)}  {share_figure(burn)}", fontsize=8.5, va="center"
            )
        axes.axvline(1, color=Ink.LIMIT.value, linestyle=":")
        axes.set_xlim(0, max(1.1, min(_MOST, max(burn for _, burn in burns) * 1.05)))
        axes.set_ylim(len(burns) - 0.5, -0.9)
        axes.set_yticks([])
        axes.xaxis.set_major_formatter(lambda value, _at: f"{100 * value:.0f} %")

    height_in = 0.34 * len(burns) + 0.5
    return ReportFigure(
        svg=draw(
            name, paint, height_in=height_in, margins={"left": 0.03, "bottom": 0.35 / height_in, "top": 0.99}
        ),
        caption="Share of the allowed calls over the limit that was used up; the dotted line is all of it",
        text=f"{plain(', '.join(f'{called} {share_figure(burn)}' for called, burn in burns), 2000)}.",
    )
