"""What `latency-kit trend` prints: pure functions; the drawing is given."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from latency_kit.baseline import FEWEST_FIGURES, FoundSession, SeriesTrend, Trend
from latency_kit.report.wording import ms_figure

__all__ = ["trend_data", "trend_lines"]


def trend_lines(
    trend: Trend, unread: Sequence[FoundSession], *, draw: Callable[[SeriesTrend], str] | None
) -> Iterator[str]:
    """Yield each series: its sessions, its changes of level, its chart; then what was left out."""
    for series in trend.series:
        yield f"{series.name}, p{trend.percentile:g} over {len(series.points)} sessions"
        if draw is not None and len(series.points) > 1:
            yield draw(series)
        yield from _changes(series)
        yield ""
    for called, forbidding in trend.left_out:
        yield f"left out {called}: {'; '.join(str(one) for one in forbidding)}"
    for one in unread:
        yield f"left out {one.name}: {one.refusal}"


def trend_data(trend: Trend, unread: Sequence[FoundSession]) -> dict[str, Any]:
    """Return a trend for JSON, durations in milliseconds."""
    left_out = {called: [str(one) for one in forbidding] for called, forbidding in trend.left_out}
    left_out |= {one.name: [one.refusal] for one in unread}
    return {
        "percentile": trend.percentile,
        "series": [_series_data(series) for series in trend.series],
        "left_out": left_out,
    }


def _changes(series: SeriesTrend) -> Iterator[str]:
    if len(series.points) < FEWEST_FIGURES:
        yield f"  a change of level can be told from chance from {FEWEST_FIGURES} sessions on"
        return
    if not series.changes:
        yield "  no change of level"
    for change in series.changes:
        point = series.points[change.index]
        commit = f" ({point.commit})" if point.commit else ""
        direction = "slower" if change.after > change.before else "faster"
        yield (
            f"  {direction} from session {change.index + 1}, {point.session}{commit}: "
            f"{ms_figure(change.before)} -> {ms_figure(change.after)} (p = {change.p_value:.3g})"
        )


def _series_data(series: SeriesTrend) -> dict[str, Any]:
    return {
        "name": series.name,
        "is_slower": series.is_slower,
        "points": [
            {
                "session": point.session,
                "start_unix_nano": point.start_unix_nano,
                "commit": point.commit,
                "value_ms": point.interval.estimate_ns / 1e6,
                "samples": point.interval.count,
            }
            for point in series.points
        ],
        "changes": [
            {
                "session": series.points[change.index].session,
                "index": change.index,
                "before_ms": change.before / 1e6,
                "after_ms": change.after / 1e6,
                "p_value": change.p_value,
            }
            for change in series.changes
        ],
    }
