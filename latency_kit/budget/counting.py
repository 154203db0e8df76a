"""Counting calls as good or bad over several rolling windows at once. What follows is for others to say."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from latency_kit.budget.count_window import CountWindow
from latency_kit.budget.model import FailureRule
from latency_kit.histogram import HistogramSnapshot

__all__ = ["Call", "CallCounts"]


class Call(NamedTuple):
    """One finished call, as far as windows need to know it; a tuple, since there may be millions.

    Attributes:
        at_ns: When it ended, on the clock of the windows.
        duration_ns: How long it took.
        is_ok: Whether it ended well.
        trace_id: Of its span, where it has one.
        span_id: Of its span, where it has one.
    """

    at_ns: int
    duration_ns: int
    is_ok: bool
    trace_id: int | None = None
    span_id: int | None = None


class CallCounts:
    """Counts the calls of one series, and the bad ones, in windows of several lengths.

    * A call is bad that took longer than `limit_ns`, or failed where failed calls count as over the limit.
    * Every window counts the same calls.

    Attributes:
        limit_ns: The longest that a good call takes.
        failed_are_bad: Whether failed calls are bad, however short.
        windows: The windows by length in nanoseconds, ascending.
        last_bad: The latest bad call with a trace, where there was one.
    """

    __slots__ = ("failed_are_bad", "last_bad", "limit_ns", "windows")

    def __init__(self, limit_ns: int, failures: FailureRule, windows_ns: Iterable[int]) -> None:
        self.limit_ns = limit_ns
        self.failed_are_bad = failures is FailureRule.OVER_LIMIT
        self.windows: Mapping[int, CountWindow] = MappingProxyType(
            {length_ns: CountWindow(length_ns) for length_ns in sorted(set(windows_ns))}
        )
        self.last_bad: Call | None = None

    def add(self, calls: Sequence[Call]) -> None:
        """Count calls; those that follow each other within one interval of every window go in together."""
        limit_ns, failed_are_bad = self.limit_ns, self.failed_are_bad
        begin_ns = end_ns = at_ns = events = bad = 0
        for call in calls:
            if not begin_ns <= call.at_ns < end_ns:
                if events:
                    self._count(at_ns, events, bad)
                at_ns, events, bad = call.at_ns, 0, 0
                begin_ns, end_ns = self._interval_around(at_ns)
            events += 1
            if call.duration_ns > limit_ns or (failed_are_bad and not call.is_ok):
                bad += 1
                if call.trace_id is not None:
                    self.last_bad = call
        if events:
            self._count(at_ns, events, bad)

    def add_interval(self, at_ns: int, durations: HistogramSnapshot, *, is_ok: bool) -> None:
        """Count calls of which only the histogram is known, as if all had ended at `at_ns`."""
        if not durations.count:
            return
        if self.failed_are_bad and not is_ok:
            bad = durations.count
        else:
            bad = durations.count - durations.count_at_or_below(self.limit_ns)
        self._count(at_ns, durations.count, bad)

    def advance(self, now_ns: int) -> None:
        """Let what is too old at `now_ns` leave every window."""
        for window in self.windows.values():
            window.advance(now_ns)

    def first_expiry_of(self, at_ns: int) -> int:
        """Return when a call that ended at `at_ns` leaves the first of the windows."""
        return min(window.expiry_of(at_ns) for window in self.windows.values())

    def next_expiry_ns(self) -> int | None:
        """Return when the counts will next change without a call; None where they will not."""
        expiries = [window.next_expiry_ns() for window in self.windows.values()]
        return min((expiry for expiry in expiries if expiry is not None), default=None)

    def _interval_around(self, at_ns: int) -> tuple[int, int]:
        around = [window.interval_around(at_ns) for window in self.windows.values()]
        return max(begin for begin, _ in around), min(end for _, end in around)

    def _count(self, at_ns: int, events: int, bad: int) -> None:
        for window in self.windows.values():
            window.add(at_ns, events, bad)
