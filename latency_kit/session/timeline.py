"""A run over time: what was recorded in each of a bounded number of intervals. Figures live elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from latency_kit.errors import UsageError
from latency_kit.histogram import HistogramSnapshot
from latency_kit.measurement.series_intervals import RecordedInterval
from latency_kit.units import NS_PER_S

__all__ = ["MAX_INTERVALS", "MAX_TIMELINE_SERIES", "SessionInterval", "TimelineKeeper"]

MAX_INTERVALS = 96
"""More columns than a heat map shows on paper; some 150 bytes of JSON for each series in each."""

MAX_TIMELINE_SERIES = 64
"""Operations that are followed over time; a report cannot draw as many."""

FIRST_INTERVAL_NS = NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInterval:
    """A stretch of a run.

    * It does not end before it starts.
    * Its mapping never changes after construction.

    Attributes:
        start_unix_nano: Its beginning, as a wall stamp.
        end_unix_nano: Its end.
        durations: Of the calls that ended in it, whatever their outcome, by `component.operation`.
    """

    start_unix_nano: int
    end_unix_nano: int
    durations: Mapping[str, HistogramSnapshot] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.end_unix_nano < self.start_unix_nano:
            raise UsageError(
                f"an interval must not end before it starts, got {self.start_unix_nano} "
                f"to {self.end_unix_nano}"
            )
        object.__setattr__(self, "durations", MappingProxyType(dict(self.durations)))

    def merge(self, following: "SessionInterval") -> "SessionInterval":
        """Return this interval and the one that follows it as one."""
        durations = dict(self.durations)
        for name, histogram in following.durations.items():
            durations[name] = durations[name].merge(histogram) if name in durations else histogram
        return SessionInterval(
            start_unix_nano=self.start_unix_nano,
            end_unix_nano=following.end_unix_nano,
            durations=durations,
        )


class TimelineKeeper:
    """Puts intervals together so that there are never too many, however long the run.

    * The intervals adjoin, from the start of the run, and every call is in exactly one of them.
    * There are at most `most`: where one more would be too many, each two become one, and new ones are taken
      half as often from then on.
    * At most `most_series` operations are followed, the first that come; calls of the others are counted.

    Attributes:
        left_out: How many calls of operations that are not followed there were.
    """

    def __init__(self, *, most: int = MAX_INTERVALS, most_series: int = MAX_TIMELINE_SERIES) -> None:
        """Begin empty.

        Raises:
            UsageError: `most` is no even number from 2, or `most_series` is below 1.
        """
        if most < 2 or most % 2 or most_series < 1:  # noqa: PLR2004  # two become one
            raise UsageError(
                f"most must be an even number from 2 and most_series a count from 1, got {most} "
                f"and {most_series}"
            )
        self._most = most
        self._most_series = most_series
        self._intervals: list[SessionInterval] = []
        self._names: set[str] = set()
        self._length_ns = FIRST_INTERVAL_NS
        self.left_out = 0

    def is_due(self, now_unix_nano: int) -> bool:
        """Tell whether the next interval may end by now."""
        if not self._intervals:
            return True
        # A tenth early is on time: whoever asks does so at intervals of its own.
        return now_unix_nano - self._intervals[-1].end_unix_nano >= 0.9 * self._length_ns

    def add(self, recorded: RecordedInterval) -> None:
        """Add the interval that follows those that were added before."""
        durations: dict[str, HistogramSnapshot] = {}
        for series in recorded.series:
            name = series.name
            if name not in self._names:
                if len(self._names) >= self._most_series:
                    self.left_out += series.histogram.count
                    continue
                self._names.add(name)
            known = durations.get(name)
            durations[name] = series.histogram if known is None else known.merge(series.histogram)
        if len(self._intervals) >= self._most:
            pairs = zip(self._intervals[::2], self._intervals[1::2], strict=True)
            self._intervals = [first.merge(second) for first, second in pairs]
            self._length_ns *= 2
        self._intervals.append(
            SessionInterval(
                start_unix_nano=recorded.start_unix_nano,
                end_unix_nano=recorded.end_unix_nano,
                durations=durations,
            )
        )

    def intervals(self) -> tuple[SessionInterval, ...]:
        """Return the intervals so far, oldest first."""
        return tuple(self._intervals)
