"""Durations over a rolling window, as interval histograms. What they are judged by lives elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from latency_kit.histogram import Histogram, HistogramSnapshot
from latency_kit.histogram.codec import decode, encode_compressed

__all__ = ["HISTOGRAM_INTERVALS", "HistogramWindow", "KeptInterval"]

HISTOGRAM_INTERVALS: Final = 60
"""Into how many intervals a window is cut: 5 s of 5 minutes, a minute of an hour, 12 h of 30 days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInterval:
    """A past interval: its counts in the V2 encoding, and beside them what that leaves out.

    Attributes:
        encoded: Compressed V2 encoding of the interval's histogram.
        sum_ns: Sum of its values.
        min_ns: The smallest.
        max_ns: The largest.
    """

    encoded: bytes
    sum_ns: int
    min_ns: int
    max_ns: int

    @classmethod
    def of(cls, snapshot: HistogramSnapshot) -> "KeptInterval":
        """Encode a histogram that holds values."""
        return cls(
            encoded=encode_compressed(snapshot),
            sum_ns=snapshot.sum_ns,
            min_ns=snapshot.min_ns,
            max_ns=snapshot.max_ns,
        )

    def snapshot(self) -> HistogramSnapshot:
        """Return the histogram as it was.

        Raises:
            CorruptDataError: The encoding cannot be read.
            UsageError: The figures are not of these counts.
        """
        return decode(self.encoded).with_exact_figures(
            sum_ns=self.sum_ns, min_ns=self.min_ns, max_ns=self.max_ns
        )


class HistogramWindow:
    """Keeps the durations of the last `window_ns`; every figure of `snapshot` is that of all of them.

    One histogram holds the interval that runs, one all past intervals together; each past interval is
    kept compressed until it is taken off that sum.

    * Percentiles are as exact as those of one histogram of all values: intervals are added and taken off
      count by count. Sum, min and max are exact.
    * The far edge of the window is the begin of an interval: it is never shorter than `window_ns` and
      longer by less than one interval.
    * A value may come late, as for `CountWindow`.
    * Memory is bounded: two histograms and 60 compressed ones, whatever is recorded.

    Attributes:
        window_ns: The length asked for.
        interval_ns: The length of an interval.
    """

    __slots__ = ("_kept", "_newest", "_open", "_past", "_slots", "interval_ns", "window_ns")

    def __init__(self, window_ns: int, *, intervals: int = HISTOGRAM_INTERVALS) -> None:
        self.window_ns = window_ns
        self.interval_ns = -(-window_ns // intervals)
        self._slots = -(-window_ns // self.interval_ns) + 1
        self._newest = 0
        self._open = Histogram()
        self._past = HistogramSnapshot.empty()
        self._kept: dict[int, KeptInterval] = {}

    def add(self, at_ns: int, durations_ns: list[int]) -> None:
        """Record durations of calls that all ended in the interval of `at_ns`."""
        index = at_ns // self.interval_ns
        if index > self._newest:
            self._advance(index)
        if index == self._newest:
            self._open.record_many(durations_ns)
        elif index > self._newest - self._slots:
            late = Histogram()
            late.record_many(durations_ns)
            self._add_past(index, late.snapshot_and_reset())

    def advance(self, now_ns: int) -> None:
        """Let what is too old at `now_ns` leave the window."""
        index = now_ns // self.interval_ns
        if index > self._newest:
            self._advance(index)

    def interval_around(self, at_ns: int) -> tuple[int, int]:
        """Return when the interval in which `at_ns` lies begins and ends; the end belongs to the next one."""
        begin_ns = at_ns // self.interval_ns * self.interval_ns
        return begin_ns, begin_ns + self.interval_ns

    def snapshot(self) -> HistogramSnapshot:
        """Return the durations in the window as of the latest time that it was told."""
        running = self._open.snapshot()
        if not self._kept:
            return running
        # Taking intervals off leaves minimum and maximum known to a bucket's width.
        ends = [*self._kept.values(), *([running] if running.count else ())]
        return self._past.merge(running).with_exact_figures(
            sum_ns=sum(one.sum_ns for one in ends),
            min_ns=min(one.min_ns for one in ends),
            max_ns=max(one.max_ns for one in ends),
        )

    def intervals(self) -> Iterator[tuple[int, KeptInterval]]:
        """Yield number and content of every interval that holds values, oldest first, to be stored."""
        yield from sorted(self._kept.items())
        running = self._open.snapshot()
        if running.count:
            yield self._newest, KeptInterval.of(running)

    def restore(self, index: int, interval: KeptInterval) -> None:
        """Take back an interval of an earlier window of this length, as if it had just been recorded.

        Raises:
            CorruptDataError: The interval cannot be read.
            UsageError: Its figures are not of its counts.
        """
        snapshot = interval.snapshot()
        if index > self._newest:
            self._advance(index)
        if index == self._newest:
            self._open.add(snapshot)
        elif index > self._newest - self._slots:
            self._add_past(index, snapshot)

    def _advance(self, index: int) -> None:
        if self._open.count:
            self._add_past(self._newest, self._open.snapshot_and_reset())
        self._newest = index
        for kept_index in [kept for kept in self._kept if kept <= index - self._slots]:
            self._past = self._past.minus(self._kept.pop(kept_index).snapshot())
        if not self._kept:
            self._past = HistogramSnapshot.empty()

    def _add_past(self, index: int, snapshot: HistogramSnapshot) -> None:
        self._past = self._past.merge(snapshot)
        known = self._kept.get(index)
        self._kept[index] = KeptInterval.of(snapshot if known is None else known.snapshot().merge(snapshot))
