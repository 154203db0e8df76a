"""How one percentile of each series went over many sessions, and where its level changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from latency_kit.baseline.change_points import DEFAULT_SIGNIFICANCE, ChangePoint, change_points
from latency_kit.baseline.comparability import Difference, differences
from latency_kit.baseline.order_statistics import PercentileInterval, interval_of_histogram
from latency_kit.baseline.stored_session import StoredSession
from latency_kit.errors import UsageError

__all__ = ["SeriesTrend", "Trend", "TrendPoint", "follow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """One series in one session.

    Attributes:
        session: What the session is called, such as its file.
        start_unix_nano: When the session began.
        commit: The commit that was measured, shortened; empty where it is not known.
        interval: The percentile with its bounds.
    """

    session: str
    start_unix_nano: int
    commit: str
    interval: PercentileInterval


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesTrend:
    """One series over the sessions that have it.

    Attributes:
        name: `component.operation`.
        points: Its figures, the oldest session first.
        changes: Where their level changed; an index of a change is one of `points`.
    """

    name: str
    points: tuple[TrendPoint, ...]
    changes: tuple[ChangePoint, ...]

    @property
    def is_slower(self) -> bool:
        """Whether the last change of level, if there was any, was towards slower."""
        return bool(self.changes) and self.changes[-1].after > self.changes[-1].before


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """All series over many sessions.

    Attributes:
        percentile: Which percentile is followed.
        series: The series, by name.
        left_out: Sessions that cannot be compared with the newest one, with what forbids it.
    """

    percentile: float
    series: tuple[SeriesTrend, ...]
    left_out: tuple[tuple[str, tuple[Difference, ...]], ...]


def follow(
    sessions: Iterable[tuple[str, StoredSession]],
    *,
    percentile: float = 95.0,
    significance: float = DEFAULT_SIGNIFICANCE,
    allow_different: bool = False,
) -> Trend:
    """Follow one percentile of every series over sessions, in the order in which they began.

    Those that cannot be compared with the newest session are left out, unless `allow_different`.

    Args:
        sessions: Each with what it is called.
        percentile: Which percentile, in percent.
        significance: How often a series that never changed may show a change.
        allow_different: Follow also over sessions of other circumstances.

    Raises:
        UsageError: There are no sessions, or an option is unfit.
    """
    ordered = sorted(sessions, key=lambda item: (item[1].session.start_unix_nano, item[0]))
    if not ordered:
        raise UsageError("a trend needs sessions, there are none")
    newest = ordered[-1][1]
    left_out = []
    points: dict[str, list[TrendPoint]] = {}
    for called, stored in ordered:
        forbidding = tuple(one for one in differences(stored, newest) if one.forbids)
        if forbidding and not allow_different:
            left_out.append((called, forbidding))
            continue
        for name, histogram in stored.histograms().items():
            point = TrendPoint(
                session=called,
                start_unix_nano=stored.session.start_unix_nano,
                commit="" if stored.commit is None else str(stored.commit),
                interval=interval_of_histogram(histogram, percentile),
            )
            points.setdefault(name, []).append(point)
    return Trend(
        percentile=percentile,
        series=tuple(_followed(name, found, significance) for name, found in sorted(points.items())),
        left_out=tuple(left_out),
    )


def _followed(name: str, points: Sequence[TrendPoint], significance: float) -> SeriesTrend:
    figures = [float(point.interval.estimate_ns) for point in points]
    return SeriesTrend(
        name=name, points=tuple(points), changes=change_points(figures, significance=significance)
    )
