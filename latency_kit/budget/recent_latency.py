"""What an operation has lately needed, read so cheaply that a decision on the way of a request may ask.

Reads the recording's histograms at most ten times a second and keeps differences of them: the last
minutes count, what was long ago does not. Decisions live in `allowance`, `choice` and `hedge`.
"""

import threading
from collections import deque
from collections.abc import Mapping
from typing import Final, Protocol

from latency_kit.budget.product_limit import product_limit_percentile
from latency_kit.errors import UsageError
from latency_kit.histogram import HistogramSnapshot
from latency_kit.measurement.active import active
from latency_kit.measurement.measurement import Outcome
from latency_kit.units import NS_PER_MS, NS_PER_S

__all__ = [
    "MAX_OPERATIONS",
    "REFRESH_NS",
    "TRIAL_INTERVAL_NS",
    "WINDOW_NS",
    "RecentLatencies",
    "RecentLatency",
    "recent_latencies",
]

REFRESH_NS: Final = 100 * NS_PER_MS
"""How long figures are used before the histograms are read again."""

WINDOW_NS: Final = 300 * NS_PER_S
"""How far back calls count. An alternative that was slow is given another chance after this."""

_INTERVALS: Final = 5
"""Snapshots kept of a window: the window is exact to a fifth."""

TRIAL_INTERVAL_NS: Final = NS_PER_S
"""Once the calls that told against an operation are too old, one call in each such time tries it again."""

MAX_OPERATIONS: Final = 1000
"""Operations that figures are kept of; beyond it a name without bound is at work."""

_GIVEN_UP: Final = (Outcome.CANCELLED, Outcome.TIMED_OUT, Outcome.ERROR)
"""Outcomes that say only that a call would have taken longer than it did. What was dropped never began."""

_NOTHING: Final = HistogramSnapshot.empty()

_Durations = tuple[HistogramSnapshot, HistogramSnapshot]
"""Of the calls that were done, and of those given up before."""


class DurationSource(Protocol):
    """Where recorded durations come from, such as a `Recording`."""

    def folded(self, component: str, operation: str) -> Mapping[Outcome, HistogramSnapshot] | None:
        """Return an operation's histograms by outcome without waiting; None where that cannot be."""
        ...


class RecentLatency:
    """What one operation has needed within the last `WINDOW_NS`, and a little longer.

    * Calls that were cancelled, timed out or failed count as "at least that long" (`product_limit`).
    * Calls older than the window and a fifth of it do not count, as long as anyone asks.
    * Asking never waits for another thread, and never raises for a failure of the recording, which is
      counted as "latencies_failed".

    Attributes:
        component: The part of the program.
        operation: What it does.
    """

    __slots__ = (
        "_baselines",
        "_figures",
        "_known",
        "_lock",
        "_next_trial_ns",
        "_read_ns",
        "_recent",
        "_source",
        "component",
        "operation",
    )

    def __init__(self, component: str, operation: str, source: DurationSource | None) -> None:
        self.component = component
        self.operation = operation
        self._source = source
        self._lock = threading.Lock()
        self._read_ns: int | None = None
        self._next_trial_ns = 0
        self._recent: _Durations = (_NOTHING, _NOTHING)
        self._baselines: deque[tuple[int, _Durations]] = deque()
        self._figures: dict[float, float] = {}
        self._known: dict[float, float] = {}

    def needed_ns(self, percentile: float, min_samples: int) -> float | None:
        """Return within what time `percentile` percent of the recent calls were done.

        Infinity where even the slowest of them do not tell; None where fewer than `min_samples` calls are
        recent, unless it was known before: then the last known figure, until enough calls are recent again.
        """
        now_ns = active.clock()
        if self._read_ns is None or now_ns - self._read_ns >= REFRESH_NS:
            self._refresh(now_ns)
        done, given_up = self._recent
        if done.count + given_up.count < min_samples:
            return self._known.get(percentile)
        figure = self._figures.get(percentile)
        if figure is None:
            figure = product_limit_percentile(done, given_up, percentile)
            self._figures[percentile] = self._known[percentile] = figure
        return figure

    def is_outdated(self, min_samples: int) -> bool:
        """Tell whether fewer than `min_samples` calls are recent enough to count."""
        done, given_up = self._recent
        return done.count + given_up.count < min_samples

    def quickest_ns(self) -> int | None:
        """Return the time of the quickest recent call that was done; None where there is none."""
        done, _ = self._recent
        return done.min_ns if done.count else None

    def slowest_ns(self) -> int | None:
        """Return the time of the slowest recent call that was done; None where there is none."""
        done, _ = self._recent
        return done.max_ns if done.count else None

    def take_trial(self) -> bool:
        """Tell whether the caller may try the operation against its outdated figure; one in a second may."""
        now_ns = active.clock()
        with self._lock:
            if now_ns < self._next_trial_ns:
                return False
            self._next_trial_ns = now_ns + TRIAL_INTERVAL_NS
            return True

    def _refresh(self, now_ns: int) -> None:
        if not self._lock.acquire(blocking=False):
            return  # another thread is reading; what was read before serves
        try:
            self._read_ns = now_ns
            found = None if self._source is None else self._read(self._source)
            if found is None:
                return
            total = _durations(found)
            if not self._baselines:
                self._baselines.append((now_ns - WINDOW_NS, (_NOTHING, _NOTHING)))
            try:
                recent = self._since_baseline(now_ns, total)
            except UsageError:  # fewer values than before: the recording began anew, as after a fork
                self._baselines.clear()
                recent = total
            self._figures = {}
            self._recent = recent
        finally:
            self._lock.release()

    def _read(self, source: DurationSource) -> Mapping[Outcome, HistogramSnapshot] | None:
        try:
            return source.folded(self.component, self.operation)
        except Exception as error:  # noqa: BLE001  # a decision without figures is better than no answer
            active.losses.count("latencies_failed", why=repr(error))
            return None

    def _since_baseline(self, now_ns: int, total: _Durations) -> _Durations:
        baselines = self._baselines
        if now_ns - baselines[-1][0] >= WINDOW_NS // _INTERVALS:
            baselines.append((now_ns, total))
        while len(baselines) > 1 and now_ns - baselines[1][0] >= WINDOW_NS:
            baselines.popleft()
        done, given_up = baselines[0][1]
        return total[0].minus(done), total[1].minus(given_up)


class RecentLatencies:
    """The recent latency of every operation that a decision has asked about.

    * `source` is the recording in force; with another one, all figures begin anew.
    """

    __slots__ = ("_of", "_source")

    def __init__(self) -> None:
        self._source: DurationSource | None = None
        self._of: dict[tuple[str, str], RecentLatency] = {}

    @property
    def source(self) -> DurationSource | None:
        """Where durations come from; None while nothing records."""
        return self._source

    @source.setter
    def source(self, source: DurationSource | None) -> None:
        self._source = source
        self._of = {}

    def of(self, component: str, operation: str) -> RecentLatency:
        """Return the recent latency of an operation."""
        found = self._of.get((component, operation))
        if found is None:
            found = RecentLatency(component, operation, self._source)
            if len(self._of) < MAX_OPERATIONS:
                self._of[component, operation] = found
            else:
                active.losses.count("latencies_uncached", why=f"more than {MAX_OPERATIONS} operations")
        return found

    def renew_after_fork(self) -> None:
        """Forget the parent's figures and locks; the child's recording begins anew."""
        self._of = {}


def _durations(found: Mapping[Outcome, HistogramSnapshot]) -> _Durations:
    given_up = [found[outcome] for outcome in _GIVEN_UP if outcome in found]
    return found.get(Outcome.OK, _NOTHING), _NOTHING.merge(*given_up) if given_up else _NOTHING


recent_latencies = RecentLatencies()
"""The process's; `latency_kit.configuration` sets its source."""

try:
    from os import register_at_fork
except ImportError:  # Windows has no fork
    pass
else:
    register_at_fork(after_in_child=recent_latencies.renew_after_fork)
