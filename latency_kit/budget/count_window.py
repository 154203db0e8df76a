"""Events and bad events over a rolling window, in a ring of intervals. What is bad is for others to say."""

from array import array
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["COUNT_INTERVALS", "CountWindow"]

COUNT_INTERVALS: Final = 120
"""Into how many intervals a window is cut: 2.5 s of 5 minutes, 30 s of an hour, 6 h of 30 days."""


class CountWindow:
    """Counts events of the last `window_ns`, and how many of them were bad.

    Times are those of one clock that does not go back; where it begins does not matter.

    * The counts are exact. Only the far edge of the window is coarse: it is the begin of an interval, so
      that the window is never shorter than `window_ns` and longer by less than one interval.
    * An event may come late: it is counted in the interval in which it happened, or, where that has left
      the window, not at all.
    * Reading takes the same time whatever was counted; memory is fixed: 16 bytes an interval.

    Attributes:
        window_ns: The length asked for.
        interval_ns: The length of an interval.
        events: Events in the window as of the latest time that it was told.
        bad: Bad ones among them.
    """

    __slots__ = (
        "_bad",
        "_events",
        "_newest",
        "_oldest",
        "_slots",
        "bad",
        "events",
        "interval_ns",
        "window_ns",
    )

    def __init__(self, window_ns: int, *, intervals: int = COUNT_INTERVALS) -> None:
        self.window_ns = window_ns
        self.interval_ns = -(-window_ns // intervals)
        # One more than fit the window, since the newest interval has only begun.
        self._slots = -(-window_ns // self.interval_ns) + 1
        self._events = array("Q", bytes(8 * self._slots))
        self._bad = array("Q", bytes(8 * self._slots))
        self._newest = 0
        # No interval before this one counted anything; so that the oldest is not looked for from the start.
        self._oldest = 0
        self.events = 0
        self.bad = 0

    def add(self, at_ns: int, events: int, bad: int) -> None:
        """Count `events`, of which `bad` are bad, as having happened at `at_ns`."""
        index = at_ns // self.interval_ns
        if index > self._newest:
            self._advance(index)
        elif index <= self._newest - self._slots:
            return
        if index < self._oldest or not self.events:
            self._oldest = index
        slot = index % self._slots
        self._events[slot] += events
        self._bad[slot] += bad
        self.events += events
        self.bad += bad

    def advance(self, now_ns: int) -> None:
        """Let what is too old at `now_ns` leave the window."""
        index = now_ns // self.interval_ns
        if index > self._newest:
            self._advance(index)

    def interval_around(self, at_ns: int) -> tuple[int, int]:
        """Return when the interval in which `at_ns` lies begins and ends; the end belongs to the next one."""
        begin_ns = at_ns // self.interval_ns * self.interval_ns
        return begin_ns, begin_ns + self.interval_ns

    def expiry_of(self, at_ns: int) -> int:
        """Return when an event that happened at `at_ns` leaves the window."""
        return (at_ns // self.interval_ns + self._slots) * self.interval_ns

    def next_expiry_ns(self) -> int | None:
        """Return when the oldest events that are counted will leave the window; None where there are none."""
        if not self.events:
            return None
        oldest = max(self._oldest, self._newest - self._slots + 1)
        while not self._events[oldest % self._slots]:
            oldest += 1
        self._oldest = oldest
        return (oldest + self._slots) * self.interval_ns

    def intervals(self) -> Iterator[tuple[int, int, int]]:
        """Yield number, events and bad events of every interval that counted something, oldest first."""
        for index in range(self._newest - self._slots + 1, self._newest + 1):
            slot = index % self._slots
            if self._events[slot]:
                yield index, self._events[slot], self._bad[slot]

    def restore(self, intervals: Iterable[tuple[int, int, int]]) -> None:
        """Count what `intervals()` of an earlier window of this length gave."""
        for index, events, bad in intervals:
            self.add(index * self.interval_ns, events, bad)

    def _advance(self, index: int) -> None:
        for emptied in range(max(self._newest + 1, index - self._slots + 1), index + 1):
            slot = emptied % self._slots
            self.events -= self._events[slot]
            self.bad -= self._bad[slot]
            self._events[slot] = self._bad[slot] = 0
        self._newest = index
