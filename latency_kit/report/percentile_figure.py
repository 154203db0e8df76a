"""Percentile curves on the axis of nines, as HdrHistogram's plotter has them, with limits and baseline."""

from collections.abc import Sequence
from math import log10

from latency_kit.budget import LatencyBudget
from latency_kit.histogram import HistogramSnapshot
from latency_kit.report.drawing import Axes, Ink, draw, millisecond_tick, plain
from latency_kit.report.figure import ReportFigure
from latency_kit.report.wording import counted, ms_figure
from latency_kit.units import ns_to_ms

__all__ = ["percentile_figure", "scale_durations"]

_POINTS = 150
_SPREAD_FOR_LOG = 20
"""Beyond this ratio of the longest to the median a linear axis shows the longest and nothing else."""

_TOLD = (50.0, 90.0, 99.0, 99.9)


def percentile_figure(
    name: str,
    title: str,
    now: HistogramSnapshot,
    *,
    baseline: HistogramSnapshot | None = None,
    budgets: Sequence[LatencyBudget] = (),
) -> ReportFigure:
    """Draw the percentiles of one operation: 0, 90, 99 and 99.9 % are equally far apart.

    Args:
        name: Identity of the figure in its page.
        title: The operation.
        now: Its durations; at least one.
        baseline: Those of the baseline; at least one.
        budgets: Whose limits are marked at their percentiles.
    """

    def paint(axes: Axes) -> None:
        most = max(histogram.count for histogram in (now, baseline) if histogram is not None)
        end = max(1.0, log10(most))
        if baseline is not None:
            axes.plot(*_curve(baseline), color=Ink.BASELINE.value, linestyle="--", label="baseline")
        axes.plot(*_curve(now), color=Ink.NOW.value, linewidth=1.8, label="this session")
        for budget in budgets:
            at = -log10(max(1 - budget.percentile / 100, 10**-end))
            limit_ms = ns_to_ms(budget.limit_ns)
            axes.plot([at, end], [limit_ms] * 2, color=Ink.LIMIT.value, linestyle=":", label="limit")
            axes.plot([at], [limit_ms], color=Ink.LIMIT.value, marker="v", markersize=6)
            end = max(end, at)
        ticks = [0.0, -log10(0.5), *map(float, range(1, int(end) + 1))]
        axes.set_xticks(ticks, [f"{100 * (1 - 10**-tick):.6g} %" for tick in ticks])
        axes.set_xlim(0, end * 1.02)
        scale_durations(axes, [now, *([] if baseline is None else [baseline])])
        if baseline is not None or budgets:
            lines, labels = axes.get_legend_handles_labels()
            once = dict(zip(labels, lines, strict=True))
            axes.legend(once.values(), once.keys(), loc="upper left", fontsize=8.5)

    figures = [f"p{percentile:g} {ms_figure(_at(now, percentile))}" for percentile in _told(now)]
    text = f"{title}: {', '.join(figures)}, longest {ms_figure(now.max_ns)}, {counted(now.count, 'call')}"
    if baseline is not None:
        before = [f"p{percentile:g} {ms_figure(_at(baseline, percentile))}" for percentile in _told(baseline)]
        text += f"; in the baseline {', '.join(before)}"
    for budget in budgets:
        text += f"; limit {ms_figure(budget.limit_ns)} at p{budget.percentile:g}"
    return ReportFigure(svg=draw(name, paint), caption="Percentiles", text=f"{plain(text, 1000)}.")


def scale_durations(axes: Axes, histograms: Sequence[HistogramSnapshot]) -> None:
    """Give the vertical axis durations, from 0 or, where they spread widely, on a logarithmic scale."""
    longest = max(one.max_ns for one in histograms)
    median = min(one.value_at_percentile(50) for one in histograms)
    if longest > _SPREAD_FOR_LOG * max(median, 1):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _at: millisecond_tick(value))
    axes.yaxis.set_minor_formatter(lambda _value, _at: "")


def _curve(histogram: HistogramSnapshot) -> tuple[list[float], list[float]]:
    end = log10(histogram.count)
    nines = [end * step / _POINTS for step in range(_POINTS)]
    values = [_at(histogram, 100 * (1 - 10**-at)) for at in nines]
    return [*nines, end], [ns_to_ms(value) for value in [*values, histogram.max_ns]]


def _at(histogram: HistogramSnapshot, percentile: float) -> int:
    return min(histogram.value_at_percentile(percentile), histogram.max_ns)


def _told(histogram: HistogramSnapshot) -> list[float]:
    return [one for one in _TOLD if one == _TOLD[0] or histogram.count * (1 - one / 100) >= 1]
