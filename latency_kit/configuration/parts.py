"""The parts of a telemetry with work or counts of their own, behind one small interface."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from latency_kit.budget import BudgetFigure, BudgetWatch, over_limit_figures
from latency_kit.measurement.active import Entry
from latency_kit.measurement.entries import series_and_duration_ns
from latency_kit.measurement.recording import Recording
from latency_kit.storage import JsonlWriter

__all__ = [
    "CallsOverLimit",
    "FollowPart",
    "JsonlPart",
    "Part",
    "PeriodicPart",
    "TracedCalls",
    "WatchFigures",
    "WatchPart",
]


class Part(Protocol):
    """A part with work of its own that is flushed and shut down with the whole."""

    def flush(self, timeout_s: float) -> bool:
        """Finish what was begun within the time limit; tell whether that came about."""
        ...

    def shutdown(self, timeout_s: float) -> bool:
        """Flush, then end; tell whether that came about within the time limit."""
        ...

    def losses(self) -> Mapping[str, int]:
        """Return what this part lost and nobody else counts, by kind."""
        ...


class PeriodicPart(Part, Protocol):
    """A part with a thread of its own, which is stopped around a fork."""

    def start(self, losses: Callable[[], Mapping[str, int]]) -> None:
        """Start the thread; `losses` tells what the whole telemetry lost."""
        ...

    def stop(self, timeout_s: float) -> None:
        """Stop the thread, until `start`."""
        ...

    def renew_after_fork(self) -> None:
        """Begin anew in the child; `start` is still to be called."""
        ...


class JsonlPart:
    """The JSONL file as a part: written at every drain, so there is nothing to flush."""

    __slots__ = ("_writer",)

    def __init__(self, writer: JsonlWriter) -> None:
        self._writer = writer

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002  # the drain has written
        """Tell whether everything was written so far."""
        return self._writer.lost == 0

    def shutdown(self, timeout_s: float) -> bool:
        """Close the file."""
        self._writer.close()
        return self.flush(timeout_s)

    def losses(self) -> Mapping[str, int]:
        """Return the lines that could not be written."""
        return {"jsonl_lines_lost": self._writer.lost} if self._writer.lost else {}


class WatchPart:
    """The warnings of calls over their budget, as a part."""

    __slots__ = ("_watch",)

    def __init__(self, watch: BudgetWatch) -> None:
        self._watch = watch

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002  # warnings are logged at once
        """Tell whether every warning could be logged so far."""
        return self._watch.failed_warnings == 0

    def shutdown(self, timeout_s: float) -> bool:
        """Say how many warnings were left out."""
        self._watch.tell_unlogged()
        return self.flush(timeout_s)

    def losses(self) -> Mapping[str, int]:
        """Return the warnings that the log did not take."""
        failed = self._watch.failed_warnings
        return {"budget_warnings_failed": failed} if failed else {}


class WatchFigures:
    """How many calls were over each budget's limit, for the metrics."""

    __slots__ = ("_recording", "_watch")

    def __init__(self, watch: BudgetWatch, recording: Recording) -> None:
        self._watch = watch
        self._recording = recording

    def __call__(self) -> Iterable[BudgetFigure]:
        """Return one running total a budget, since the recording began."""
        return over_limit_figures(self._watch.over_limit, start_unix_nano=self._recording.start_unix_nano)


class FollowPart:
    """The following of calls while they run, from construction to shutdown."""

    __slots__ = ("_follows",)

    def __init__(self) -> None:
        from latency_kit.measurement.in_flight import follow_calls  # noqa: PLC0415  # only when asked

        follow_calls(on=True)
        self._follows = True

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002  # nothing waits
        """Tell that nothing waits."""
        return True

    def shutdown(self, timeout_s: float) -> bool:
        """Follow calls no more."""
        from latency_kit.measurement.in_flight import follow_calls  # noqa: PLC0415  # loaded before

        if self._follows:
            self._follows = False
            follow_calls(on=False)
        return self.flush(timeout_s)

    def losses(self) -> Mapping[str, int]:
        """Return nothing: a call in flight is not lost."""
        return {}


class TracedCalls:
    """Passes on the calls that make spans where spans are made; the others are for the histograms alone.

    A call site that says `span=False` is called too often to be kept call by call: it would push
    everything else out of the ring, and fill the disk.
    """

    __slots__ = ("_observer",)

    def __init__(self, observer: Callable[[Sequence[Entry]], object]) -> None:
        self._observer = observer

    def __call__(self, entries: Sequence[Entry], /) -> None:
        """Take a batch, oldest first."""
        kept = [entry for entry in entries if _makes_span(entry)]
        if kept:
            self._observer(kept)


def _makes_span(entry: Entry) -> bool:
    site = entry[0] if isinstance(entry, tuple) else entry.site
    return site is not None and bool(site.makes_span)


class CallsOverLimit:
    """Tells the watch of the calls that took longer than a limit; the others need not become measurements."""

    __slots__ = ("_limits_ns", "_recording", "_watch")

    def __init__(self, watch: BudgetWatch, recording: Recording) -> None:
        self._watch = watch
        self._recording = recording
        self._limits_ns = watch.limits_ns

    def __call__(self, entries: Sequence[Entry], /) -> None:
        """Take a batch of finished calls, oldest first."""
        limits_ns, recording = self._limits_ns, self._recording
        for entry in entries:
            series, duration_ns = series_and_duration_ns(entry)
            limit_ns = limits_ns.get(series)
            if limit_ns is not None and duration_ns > limit_ns:
                self._watch.observe(recording.measurement_of(entry))
