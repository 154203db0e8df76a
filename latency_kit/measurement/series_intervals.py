"""Intervals of a whole recording: what was recorded since a reader last looked.

HdrHistogram's Recorder keeps an interval histogram for each series and reader. Here a reader keeps what it
saw last and the difference is taken when it looks again: nothing is added to the hot path or the drain,
and whoever does not read intervals pays nothing.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from latency_kit.errors import UsageError
from latency_kit.measurement.recording import Recording, SeriesSnapshot
from latency_kit.measurement.series_sets import recorded_since

__all__ = ["DEFAULT_READER", "MAX_READERS", "IntervalReaders", "RecordedInterval"]

DEFAULT_READER = "default"

MAX_READERS = 64
"""Each reader keeps a copy of every series; a name made anew for every look would grow without bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedInterval:
    """What was recorded between two looks of one reader.

    Attributes:
        series: The series with values in the interval, by name and outcome.
        start_unix_nano: The reader's last look, or the start of the recording.
        end_unix_nano: This look. A call that ended before it is in this interval or an earlier one.
    """

    series: tuple[SeriesSnapshot, ...]
    start_unix_nano: int
    end_unix_nano: int

    @property
    def count(self) -> int:
        """How many calls ended in the interval."""
        return sum(series.histogram.count for series in self.series)


class IntervalReaders:
    """Hands out the intervals of a recording, to each reader its own.

    * Every recorded value is in exactly one interval of each reader, whichever threads read and write.
    * A reader's first interval begins with the recording, or with the child after a fork.
    * Intervals of one reader adjoin: each starts where the one before it ended.
    """

    __slots__ = ("_lock", "_now_unix_nano", "_recording", "_seen")

    def __init__(self, recording: Recording, *, now_unix_nano: Callable[[], int]) -> None:
        self._recording = recording
        self._now_unix_nano = now_unix_nano
        self.renew_after_fork()

    def read(self, reader: str = DEFAULT_READER) -> RecordedInterval:
        """Return what was recorded since the last call with this `reader`.

        Raises:
            UsageError: There are `MAX_READERS` other readers.
        """
        with self._lock:
            before = self._seen.get(reader)
            if before is None and len(self._seen) >= MAX_READERS:
                raise UsageError(
                    f"{reader!r} would be reader {MAX_READERS + 1} of the intervals, at most {MAX_READERS} "
                    "are kept; use one fixed name for each place that reads"
                )
            start = self._recording.start_unix_nano if before is None else before.end_unix_nano
            # Read before the series, so that nothing which ended earlier can be missing.
            end = max(start, self._now_unix_nano())
            series = self._recording.snapshot()
            self._seen[reader] = RecordedInterval(series=series, start_unix_nano=start, end_unix_nano=end)
        return RecordedInterval(
            series=recorded_since(before.series if before else (), series, since_unix_nano=start),
            start_unix_nano=start,
            end_unix_nano=end,
        )

    def forget(self, reader: str) -> None:
        """Give up what a reader saw last: its next interval begins with the recording again."""
        with self._lock:
            self._seen.pop(reader, None)

    def renew_after_fork(self) -> None:
        """Forget what the parent's readers saw."""
        self._lock = threading.Lock()
        self._seen: dict[str, RecordedInterval] = {}
