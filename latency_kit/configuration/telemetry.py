"""The handle of what `configure()` has set up: read it, flush it, shut it down."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from latency_kit.budget import BudgetEvaluation, BudgetPolicy, evaluate
from latency_kit.configuration.activation import deactivate
from latency_kit.configuration.parts import Part, PeriodicPart
from latency_kit.configuration.process_hooks import follow_process
from latency_kit.errors import UsageError
from latency_kit.measurement.drain import DrainThread
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.measurement import Measurement
from latency_kit.measurement.recording import Recording
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.measurement.series_intervals import DEFAULT_READER, IntervalReaders, RecordedInterval
from latency_kit.storage import RecentRing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from latency_kit.budget import ObjectiveStatus
    from latency_kit.configuration.objectives_part import ObjectivesPart
    from latency_kit.configuration.session_part import SessionPart
    from latency_kit.configuration.termination import FlushOnSigterm
    from latency_kit.measurement.active import Entry
    from latency_kit.session import Session

__all__ = ["Telemetry"]

_RECENT_LIMIT_S = 1.0


class Telemetry:
    """Everything that `configure()` has set up.

    * Readers see every call that ended before they asked.
    * `flush` and `shutdown` end within their time limit and never raise; `shutdown` is idempotent.
    * After `shutdown` nothing is recorded, and what was recorded can still be read.
    * All parts share one time limit; files of this machine come first, the network last.
    * After a fork the child has series, intervals and files of its own.
    """

    def __init__(
        self,
        *,
        recording: Recording,
        ring: "RecentRing[Entry]",
        losses: Losses,
        policy: BudgetPolicy,
        drain: DrainThread,
        parts: "Sequence[Part]",
        intervals: IntervalReaders,
        interval_parts: "Sequence[PeriodicPart]" = (),
        session_part: "SessionPart | None" = None,
        names: tuple[str | None, str | None] = (None, None),
        sigterm: "FlushOnSigterm | None" = None,
    ) -> None:
        self._recording = recording
        self._ring = ring
        self._losses = losses
        self._drain = drain
        self._interval_parts = tuple(interval_parts)
        self._parts: tuple[Part, ...] = (*interval_parts, *parts)
        self._intervals = intervals
        self._session_part = session_part
        self._service_name, self._end_to_end = names
        if session_part is not None:
            session_part.save_by(self.save_session)
        self._sigterm = sigterm
        self._ending = threading.RLock()
        self._closed = False
        self._ended_well = True
        self.policy = policy
        self._forks = threading.RLock()
        self._held: dict[int, Callable[[], None]] = {}
        if sigterm is not None:
            sigterm.begin(flush=self.flush, end=self.shutdown)
        self._start_threads()
        follow_process(self)

    def snapshot(self) -> tuple[SeriesSnapshot, ...]:
        """Return every series with its histogram, by name and outcome."""
        return self._recording.snapshot()

    def interval(self, reader: str = DEFAULT_READER) -> RecordedInterval:
        """Return what was recorded since the last call with this `reader`, at first since the start.

        Each reader has intervals of its own, and each value is in exactly one of them: counts and sums are
        exact; a minimum or maximum is known to a bucket's width where it is none of the whole recording.

        Raises:
            UsageError: There are 64 other readers.
        """
        return self._intervals.read(reader)

    def recent(self) -> tuple[Measurement, ...]:
        """Return the latest measurements (1000 by default), oldest first.

        Where an observer keeps the recording for longer than a second, the very latest may be missing.
        """
        self._recording.drain_within(_RECENT_LIMIT_S)
        return self._ring.recent()

    def evaluate(self) -> tuple[BudgetEvaluation, ...]:
        """Judge every budget of the policy by what was recorded so far."""
        return evaluate(self.policy, self.snapshot())

    def objectives(self) -> "tuple[ObjectiveStatus, ...]":
        """Return how every objective of the policy stands now, in its window and in those of its alerts."""
        self._recording.drain()
        return tuple(status for part in self._windows() for status in part.objectives())

    def evaluate_windows(self) -> tuple[BudgetEvaluation, ...]:
        """Judge every budget that has a window by the calls in it, rather than by all that was recorded."""
        self._recording.drain()
        return tuple(evaluation for part in self._windows() for evaluation in part.evaluate())

    def session(
        self,
        *,
        title: str | None = None,
        end_to_end: str | None = None,
        facts: "Mapping[str, str] | None" = None,
        packages: "Iterable[str]" = (),
    ) -> "Session":
        """Return what was recorded so far as frozen data: what reports and session files are made from.

        With `configure(session=...)` it has the run over time, its slowest traces and where the time of
        traces went; without, the slowest traces among the recent measurements only.

        Args:
            title: What was run; by default the service's name, or the program's.
            end_to_end: Name (`component.operation`) of the series that is the end-to-end duration; by default
                that of `configure`.
            facts: What else a reader must know, by name.
            packages: Distributions whose versions are worth knowing, besides our own.
        """
        from latency_kit.configuration import session_part  # noqa: PLC0415  # most programs keep none

        part = self._session_part
        if part is not None and not self._closed:
            self._recording.drain_within(_RECENT_LIMIT_S)
            part.catch_up(_RECENT_LIMIT_S)
        return session_part.recorded_session(
            self._recording,
            self.policy,
            part=part,
            title=title or session_part.default_title(self._service_name),
            end_to_end=end_to_end or self._end_to_end,
            packages=tuple(packages),
            facts=facts or {},
            losses=self.losses(),
            recent=self.recent(),
        )

    def save_session(
        self,
        path: Path | str | None = None,
        *,
        title: str | None = None,
        end_to_end: str | None = None,
        facts: "Mapping[str, str] | None" = None,
        packages: "Iterable[str]" = (),
    ) -> Path:
        """Write `session(...)` to a file, by default that of `configure(session=...)`; return its path.

        Raises:
            UsageError: There is no path, or the file cannot be written.
        """
        from latency_kit.configuration import session_part  # noqa: PLC0415  # as above

        part = self._session_part
        target = path if path is not None or part is None else part.path
        if target is None:
            raise UsageError("save_session needs a path, or configure(session=...) that of this process")
        session = self.session(title=title, end_to_end=end_to_end, facts=facts, packages=packages)
        session_part.save_recorded(session, Path(target), part=part)
        return Path(target)

    def losses(self) -> Mapping[str, int]:
        """Return what telemetry lost so far, by kind; empty where nothing was lost."""
        counts = dict(self._losses.counts())
        for part in self._parts:
            counts.update(part.losses())
        return counts

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Write and send what has been recorded; tell whether all of it went within `timeout_s` seconds."""
        until_s = time.monotonic() + timeout_s
        done = [self._recording.drain_within(timeout_s)]
        done += [part.flush(_left_s(until_s)) for part in self._parts]
        return all(done)

    def shutdown(self, timeout_s: float = 5.0) -> bool:
        """Stop recording, then flush and end everything; tell whether that came about in `timeout_s` seconds.

        Whoever calls it while another thread is at it waits for that.
        """
        until_s = time.monotonic() + timeout_s
        if not self._ending.acquire(timeout=max(timeout_s, 0.0)):
            return False
        try:
            if not self._closed:
                self._closed = True
                self._ended_well = self._end(until_s)
            return self._ended_well
        finally:
            self._ending.release()

    def _windows(self) -> "Sequence[ObjectivesPart]":
        if not self.policy.needs_windows:
            return ()
        from latency_kit.configuration.objectives_part import ObjectivesPart  # noqa: PLC0415  # loaded before

        return [part for part in self._interval_parts if isinstance(part, ObjectivesPart)]

    def _end(self, until_s: float) -> bool:
        deactivate()
        if self._sigterm is not None:
            self._sigterm.remove()
        self._drain.stop(_left_s(until_s))
        done = [self._recording.drain_within(_left_s(until_s))]
        done += [part.shutdown(_left_s(until_s)) for part in self._parts]
        return all(done)

    @property
    def closed(self) -> bool:
        """Whether `shutdown` has been called."""
        return self._closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()

    def hold_for_fork(self, timeout_s: float) -> None:
        """Stop our threads and wait until nothing is half done, and keep it so until the fork is over.

        Without threads of ours at that moment the fork is as safe as it would be without us. What takes
        longer than the time limit is not waited for.
        """
        until_s = time.monotonic() + timeout_s
        with self._forks:
            self._held[threading.get_ident()] = _nothing
            if not self._closed:
                self._stop_threads(until_s)
        self._held[threading.get_ident()] = self._recording.hold(_left_s(until_s))

    def let_go_after_fork(self) -> None:
        """Go on in the parent."""
        self._held.get(threading.get_ident(), _nothing)()
        with self._forks:
            self._held.pop(threading.get_ident(), None)
            # Where another thread is about to fork as well, the threads wait for that.
            if not self._held and not self._closed:
                self._start_threads()

    def renew_after_fork(self) -> None:
        """Begin anew in the child: its series, its intervals, its files, its threads."""
        let_go = self._held.get(threading.get_ident(), _nothing)
        self._forks, self._held = threading.RLock(), {}
        self._ending = threading.RLock()
        try:
            if not self._closed:
                self._losses.renew_after_fork()
                self._recording.renew_after_fork()
                self._ring.clear()
                self._intervals.renew_after_fork()
                for part in self._interval_parts:
                    part.renew_after_fork()
                if self._sigterm is not None:
                    self._sigterm.renew_after_fork()
                self._start_threads()
        finally:
            let_go()

    def _start_threads(self) -> None:
        self._drain.start()
        for part in self._interval_parts:
            part.start(self.losses)
        if self._sigterm is not None:
            self._sigterm.start()

    def _stop_threads(self, until_s: float) -> None:
        self._drain.stop(_left_s(until_s))
        for part in self._interval_parts:
            part.stop(_left_s(until_s))
        if self._sigterm is not None:
            self._sigterm.stop(_left_s(until_s))


def _nothing() -> None:
    """Stand for what is to be let go where nothing is held."""


def _left_s(until_s: float) -> float:
    return max(until_s - time.monotonic(), 0.0)
