"""The record of a whole run as a part: intervals and slow traces as they come, the session file at the end.

How they are bounded lives in `session`, the file's format in `baseline`. Nothing here is on the path of a
call: spans are put aside by the drain, everything else is done once a second on a thread of its own.
"""

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from latency_kit.baseline import Commit, StoredSession, current_commit, write_session
from latency_kit.budget import BudgetPolicy, evaluate
from latency_kit.configuration.interval_parts import PeriodicPart
from latency_kit.errors import ConfigurationError, LatencyKitError
from latency_kit.measurement.measurement import Measurement
from latency_kit.measurement.recording import Recording
from latency_kit.measurement.series_intervals import IntervalReaders
from latency_kit.session import Environment, Session, SessionInterval, TimelineKeeper, TraceKeeper
from latency_kit.session.kept_trace import slowest_of_measurements
from latency_kit.session.trace_keeper import MAX_TRACES

__all__ = [
    "SessionPart",
    "build_session_part",
    "default_title",
    "recorded_session",
    "save_recorded",
]

_log = logging.getLogger("latency_kit")

_READER = "latency_kit.session"
_INTERVAL_S = 1.0


class SessionPart(PeriodicPart):
    """Follows a run and writes its session file at the end.

    * At `shutdown` the file is written, whole or not at all; what cannot be written is counted and logged.
    * A forked child writes none: the file is its parent's.

    Attributes:
        path: The file; None in a forked child.
        traces: The traces that are kept.
    """

    def __init__(
        self, recording: Recording, readers: IntervalReaders, path: Path, *, end_to_end: str | None
    ) -> None:
        self.path: Path | None = path
        self.end_to_end = end_to_end
        self.traces = TraceKeeper(end_to_end=end_to_end)
        self._timeline = TimelineKeeper()
        self._readers = readers
        self._commit: tuple[Commit | None] | None = None
        self._save: Callable[[Path], object] = lambda _path: None
        self._failed = 0
        super().__init__(recording, name="session", interval_s=_INTERVAL_S)

    def spans_wanted(self, spans: bool | None) -> bool | None:
        """Return whether calls make spans: where nobody says, they do if the extra is there."""
        return True if spans is None and find_spec("opentelemetry.sdk") is not None else spans

    def take_spans(self, spans: Sequence[Any]) -> None:
        """Put finished spans aside; called by the drain. Never raises."""
        self.traces.take(spans)

    def save_by(self, save: Callable[[Path], object]) -> None:
        """Have the file written by `save` at the end."""
        self._save = save

    def losses(self) -> Mapping[str, int]:
        """Return whether the file could not be written."""
        return {"session_files_failed": self._failed} if self._failed else {}

    @property
    def intervals(self) -> tuple[SessionInterval, ...]:
        """The run so far over time."""
        return self._timeline.intervals()

    def left_out(self) -> Mapping[str, int]:
        """Return what was left out to keep memory bounded, by what."""
        counts = self.traces.left_out()
        if self._timeline.left_out:
            counts["calls of operations that are not followed over time"] = self._timeline.left_out
        return counts

    def commit(self) -> Commit | None:
        """Return the commit that was checked out when the run began."""
        if self._commit is None:
            self._commit = (current_commit(),)
        return self._commit[0]

    def catch_up(self, timeout_s: float) -> None:
        """Take in what has been recorded so far, so that a session can be read."""
        if self._lock.acquire(timeout=max(timeout_s, 0.0)):
            try:
                self._take_in()
                self.traces.look()
            finally:
                self._lock.release()

    def _write(self, *, is_last: bool) -> bool:
        self.commit()
        if is_last or self._timeline.is_due(time.time_ns()):
            self._take_in()
        self.traces.look(is_last=is_last)
        if is_last and self.path is not None:
            try:
                self._save(self.path)
            except (LatencyKitError, OSError) as error:
                self._failed += 1
                _log.warning("the session file could not be written: %s", error)
        return self._failed == 0

    def _take_in(self) -> None:
        self._timeline.add(self._readers.read(_READER))

    def _forget_parent(self) -> None:
        self.path = None
        self.traces = TraceKeeper(end_to_end=self.end_to_end)
        self._timeline = TimelineKeeper()


def build_session_part(
    recording: Recording, readers: IntervalReaders, path: Path | str, *, end_to_end: str | None
) -> SessionPart:
    """Set up the record of a run; nothing runs before `start`.

    Raises:
        ConfigurationError: The path is that of a directory.
    """
    if Path(path).is_dir():
        raise ConfigurationError(f"session: {path} is a directory; give the path of a file in it")
    return SessionPart(recording, readers, Path(path).absolute(), end_to_end=end_to_end)


def recorded_session(
    recording: Recording,
    policy: BudgetPolicy,
    *,
    part: SessionPart | None,
    title: str,
    end_to_end: str | None,
    packages: tuple[str, ...],
    facts: Mapping[str, str],
    losses: Mapping[str, int],
    recent: tuple[Measurement, ...],
) -> Session:
    """Return what was recorded so far as a session.

    Without a part there are no intervals, and the traces are the slowest among the recent measurements.
    """
    series = recording.snapshot()
    traces = () if part is None else part.traces.slowest()
    accounts = () if part is None else part.traces.accounts()
    left_out = {} if part is None else dict(part.left_out())
    if not traces:
        traces, others = slowest_of_measurements(recent, end_to_end=end_to_end, most=MAX_TRACES)
        if others:
            left_out["traces that were not among the slowest"] = others
    return Session(
        title=title,
        start_unix_nano=recording.start_unix_nano,
        end_unix_nano=max(recording.start_unix_nano, time.time_ns()),
        environment=Environment.take(packages=packages),
        series=series,
        evaluations=evaluate(policy, series),
        end_to_end=end_to_end,
        accounts=accounts,
        facts=facts,
        losses=losses,
        intervals=() if part is None else part.intervals,
        traces=traces,
        left_out=left_out,
    )


def default_title(service_name: str | None) -> str:
    """Return what a session is called where nobody says: the service, or the program."""
    return service_name or Path(sys.argv[0] if sys.argv and sys.argv[0] else "python").name


def save_recorded(session: Session, path: Path, *, part: SessionPart | None) -> None:
    """Write a session with its commit.

    Raises:
        UsageError: The file cannot be written.
    """
    commit = current_commit() if part is None else part.commit()
    write_session(StoredSession(session=session, commit=commit), path)
