"""How often which duration came, and when: a histogram and a heat map, both over logarithmic steps."""

from bisect import bisect_right
from collections.abc import Sequence
from math import ceil, floor, log10

from latency_kit.budget import LatencyBudget
from latency_kit.histogram import HistogramSnapshot
from latency_kit.report.drawing import Axes, Ink, draw, millisecond_tick, plain
from latency_kit.report.figure import ReportFigure
from latency_kit.report.wording import counted, ms_figure, seconds_figure
from latency_kit.session import SessionInterval
from latency_kit.units import NS_PER_S, ns_to_ms

__all__ = ["heat_map", "histogram_figure"]

_STEPS_OF_A_DECADE = 20
_LEAST_STEPS = 8
_HEAT = (0.16, 0.47, 0.94)
"""A blue that is seen on white and on black; how many calls there were is its opacity."""

_LEAST_HEAT = 0.18


def histogram_figure(
    name: str,
    title: str,
    now: HistogramSnapshot,
    *,
    baseline: HistogramSnapshot | None = None,
    budgets: Sequence[LatencyBudget] = (),
) -> ReportFigure:
    """Draw how the durations of one operation are distributed, as shares of its calls.

    Args:
        name: Identity of the figure in its page.
        title: The operation.
        now: Its durations; at least one.
        baseline: Those of the baseline; at least one.
        budgets: Whose limits are marked.
    """
    known = [now, *([] if baseline is None else [baseline])]
    edges = _edges(known)

    def paint(axes: Axes) -> None:
        shares = [100 * count / now.count for count in _counts(now, edges)]
        axes.stairs(shares, edges, fill=True, color=Ink.NOW.value, alpha=0.75, label="this session")
        if baseline is not None:
            before = [100 * count / baseline.count for count in _counts(baseline, edges)]
            axes.stairs(
                before, edges, color=Ink.BASELINE.value, linestyle="--", linewidth=1.4, label="baseline"
            )
            axes.legend(fontsize=8.5)
        for budget in budgets:
            at = log10(ns_to_ms(budget.limit_ns))
            if edges[0] <= at <= edges[-1]:
                axes.axvline(at, color=Ink.LIMIT.value, linestyle=":")
        _log_ticks(axes.set_xticks, edges)
        axes.yaxis.set_major_formatter(lambda value, _at: f"{value:g} %")
        axes.set_ylim(bottom=0)

    counts = _counts(now, edges)
    densest = max(range(len(counts)), key=counts.__getitem__)
    low, high = (ms_figure(1e6 * 10**edge) for edge in edges[densest : densest + 2])
    text = (
        f"{title}: from {ms_figure(now.min_ns)} to {ms_figure(now.max_ns)}, most often {low} to {high} "
        f"({counts[densest]} of {counted(now.count, 'call')})"
    )
    return ReportFigure(svg=draw(name, paint), caption="Distribution", text=f"{plain(text, 1000)}.")


def heat_map(
    name: str,
    title: str,
    intervals: Sequence[SessionInterval],
    *,
    operation: str,
    budgets: Sequence[LatencyBudget] = (),
) -> ReportFigure | None:
    """Draw the durations of one operation over the run, with the median of each interval as a line.

    Args:
        name: Identity of the figure in its page.
        title: What the operation is called.
        intervals: The run over time.
        operation: Its `component.operation`.
        budgets: Whose limits are marked.

    Returns:
        The figure; None where the operation is in fewer than two intervals.
    """
    held = [interval for interval in intervals if operation in interval.durations]
    if len(held) < 2:  # noqa: PLR2004  # one column shows no course
        return None
    edges = _edges([interval.durations[operation] for interval in held])
    start, end = intervals[0].start_unix_nano, intervals[-1].end_unix_nano
    middles = [(one.start_unix_nano + one.end_unix_nano) / 2e9 - start / NS_PER_S for one in held]
    medians = [_log_ms(_median_ns(one.durations[operation])) for one in held]

    def paint(axes: Axes) -> None:
        pixels = _pixels(intervals, operation, edges)
        run_s = (end - start) / NS_PER_S
        axes.imshow(
            pixels,
            extent=(0, run_s, edges[0], edges[-1]),
            aspect="auto",
            origin="lower",
            interpolation="none",
        )
        axes.plot(middles, medians, color=Ink.TEXT.value, linewidth=1, label="median")
        for budget in budgets:
            at = _log_ms(budget.limit_ns)
            if edges[0] <= at <= edges[-1]:
                axes.axhline(at, color=Ink.LIMIT.value, linestyle=":")
        _log_ticks(axes.set_yticks, edges)
        axes.xaxis.set_major_formatter(lambda value, _at: f"{value:g} s")
        axes.grid(visible=False)

    slowest = max(held, key=lambda one: _median_ns(one.durations[operation]))
    text = (
        f"{title} over {seconds_figure(end - start)} in {len(intervals)} intervals; medians from "
        f"{ms_figure(1e6 * 10 ** min(medians))} to {ms_figure(1e6 * 10 ** max(medians))}, the highest "
        f"{seconds_figure(slowest.start_unix_nano - start)} after the start"
    )
    return ReportFigure(svg=draw(name, paint), caption="Over the run", text=f"{plain(text, 1000)}.")


def _median_ns(histogram: HistogramSnapshot) -> int:
    return min(histogram.value_at_percentile(50), histogram.max_ns)


def _log_ms(duration_ns: int) -> float:
    return log10(max(duration_ns, 1) / 1e6)


def _edges(histograms: Sequence[HistogramSnapshot]) -> list[float]:
    """Return the edges of logarithmic steps around all values, as exponents of ten of milliseconds."""
    low = floor(_STEPS_OF_A_DECADE * _log_ms(min(one.min_ns for one in histograms)))
    high = ceil(_STEPS_OF_A_DECADE * _log_ms(max(one.max_ns for one in histograms)))
    while high - low < _LEAST_STEPS:
        low, high = low - 1, high + 1
    return [step / _STEPS_OF_A_DECADE for step in range(low, high + 1)]


def _counts(histogram: HistogramSnapshot, edges: Sequence[float]) -> list[int]:
    counts = [0] * (len(edges) - 1)
    for bucket in histogram.buckets():
        middle = _log_ms((bucket.lowest_ns + bucket.highest_ns) // 2)
        counts[min(max(bisect_right(edges, middle) - 1, 0), len(counts) - 1)] += bucket.count
    return counts


def _pixels(
    intervals: Sequence[SessionInterval], operation: str, edges: Sequence[float]
) -> list[list[tuple[float, float, float, float]]]:
    """Return rows of pixels, lowest durations first, of columns of equal time."""
    start, end = intervals[0].start_unix_nano, intervals[-1].end_unix_nano
    ends = [interval.end_unix_nano for interval in intervals]
    columns: list[list[float]] = []
    for column in range(len(intervals)):
        middle = start + (end - start) * (2 * column + 1) // (2 * len(intervals))
        interval = intervals[min(bisect_right(ends, middle), len(intervals) - 1)]
        histogram = interval.durations.get(operation)
        length = max(1, interval.end_unix_nano - interval.start_unix_nano)
        counts = [0] * (len(edges) - 1) if histogram is None else _counts(histogram, edges)
        columns.append([count / length for count in counts])
    densest = max(max(column) for column in columns) or 1.0
    return [
        [
            (*_HEAT, _LEAST_HEAT + (1 - _LEAST_HEAT) * (column[row] / densest) ** 0.5 if column[row] else 0.0)
            for column in columns
        ]
        for row in range(len(edges) - 1)
    ]


def _log_ticks(set_ticks: object, edges: Sequence[float]) -> None:
    assert callable(set_ticks)  # noqa: S101  # one of an axes' two
    exponents = range(ceil(edges[0]), floor(edges[-1]) + 1)
    at: list[float] = [float(one) for one in exponents]
    if len(at) < 3:  # noqa: PLR2004  # less than two decades: twos and fives as well
        at = [
            exponent + log10(step)
            for exponent in range(floor(edges[0]), ceil(edges[-1]) + 1)
            for step in (1, 2, 5)
            if edges[0] <= exponent + log10(step) <= edges[-1]
        ]
    set_ticks(at, [millisecond_tick(float(f"{10**one:.3g}")) for one in at])
