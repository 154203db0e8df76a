"""Curves in the terminal: percentiles of two sessions, and a figure over many. The one door to plotille."""

from collections.abc import Sequence
from math import log10

from latency_kit.baseline import Comparison, SeriesComparison, SeriesTrend
from latency_kit.errors import MissingExtraError
from latency_kit.units import ns_to_ms

try:
    import plotille  # type: ignore[import-untyped]  # it has annotations, but does not say so
except ImportError as missing:
    raise MissingExtraError("plotille", "cli") from missing

__all__ = ["percentile_plot", "plots_of", "trend_plot"]

_AXIS_COLUMNS = 16
"""What the figures of the vertical axis take of the width."""

_LEAST_COLUMNS = 20
_CURVE_PERCENTILES = (1.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 99.999)


def plots_of(comparison: Comparison, *, width: int, colour: bool) -> str:
    """Return the percentile curves of all series of a comparison."""
    return "\n\n".join(percentile_plot(one, width=width, colour=colour) for one in comparison.series)


def percentile_plot(series: SeriesComparison, *, width: int, colour: bool) -> str:
    """Draw the percentiles of both sides over the axis of nines: 0, 90, 99, 99.9 are equally far apart.

    A percentile beyond which there is no call is not drawn.
    """
    figure = _figure(width, colour=colour)
    figure.x_label, figure.y_label = "percentile", "ms"
    figure.x_ticks_fkt = lambda nines, _: f"{100 * (1 - 10**-nines):.5g}"
    figure.y_ticks_fkt = _tick
    for histogram, label, colour_name, marker in (
        (series.baseline, "baseline", "blue", "b"),
        (series.candidate, "candidate", "red", "c"),
    ):
        drawn = [one for one in _CURVE_PERCENTILES if histogram.count * (1 - one / 100) >= 1] or [50.0]
        nines = [-log10(1 - percentile / 100) for percentile in drawn]
        values = [ns_to_ms(histogram.value_at_percentile(percentile)) for percentile in drawn]
        chosen = {"lc": colour_name} if colour else {}
        figure.plot(nines, values, label=label, marker=None if colour else marker, **chosen)
    figure.set_x_limits(min_=0.0)
    figure.set_y_limits(min_=0.0)
    return f"{series.name}\n{figure.show(legend=True)}"


def trend_plot(trend: SeriesTrend, *, width: int, colour: bool) -> str:
    """Draw a series over its sessions, oldest first; a vertical line stands before each change of level."""
    figure = _figure(width, colour=colour)
    figure.x_label, figure.y_label = "session", "ms"
    figure.x_ticks_fkt = lambda position, _: f"{position:.0f}"
    figure.y_ticks_fkt = _tick
    values = [ns_to_ms(point.interval.estimate_ns) for point in trend.points]
    positions: Sequence[int] = range(1, len(values) + 1)
    chosen = {"lc": "blue"} if colour else {}
    figure.plot(list(positions), values, **chosen)
    last = max(2, len(values))
    for change in trend.changes:
        # A line on an axis is placed by its share of the axis.
        share = (change.index + 0.5 - 1) / (last - 1)
        figure.axvline(share, **({"lc": "red"} if colour else {}))
    figure.set_x_limits(min_=1, max_=last)
    figure.set_y_limits(min_=0.0, max_=max([*values, 1e-6]) * 1.1)
    return str(figure.show())


def _figure(width: int, *, colour: bool) -> "plotille.Figure":
    figure = plotille.Figure()
    figure.width = max(width - _AXIS_COLUMNS, _LEAST_COLUMNS)
    figure.height = 12
    figure.with_colors = colour
    figure.origin = False
    return figure


def _tick(value: float, _next: float) -> str:
    return f"{value:.3g}"
