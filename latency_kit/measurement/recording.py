"""What happens to finished calls off the hot path: histograms, exemplars and observers.

Call sites append entries to a list; `drain` takes them out and does the work, on a background thread
and whenever somebody reads. A reader therefore always sees every call that ended before it asked.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from latency_kit.clock import WallAnchor
from latency_kit.histogram import Histogram, HistogramSnapshot
from latency_kit.measurement.active import Entry
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.measurement import NO_ATTRIBUTES, AttributeValue, Measurement, Outcome

__all__ = ["Exemplar", "MeasurementObserver", "Recording", "SeriesSnapshot"]

MAX_PENDING = 1_000_000
"""Finished calls that may wait for the drain; beyond it the oldest are dropped and counted."""

MAX_EXEMPLARS = 4
"""Slowest calls of a series that are kept, with their trace, between two exports."""


class MeasurementObserver(Protocol):
    """Takes every finished measurement, in batches, on the draining thread; must not raise."""

    def __call__(self, measurements: Sequence[Measurement], /) -> None:
        """Take a batch, oldest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """One slow call of a series, by which a metric leads to its trace."""

    value_ns: int
    unix_nano: int
    trace_id: int
    span_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSnapshot:
    """One series as it stood when it was asked for.

    Attributes:
        component: The part of the program.
        operation: What it did.
        outcome: How the calls of this series ended.
        attributes: The attributes that make the series one of its own (none as yet).
        histogram: Their durations.
        start_unix_nano: When the recording began.
        exemplars: The slowest calls with a trace since the last export, slowest first.
    """

    component: str
    operation: str
    outcome: Outcome
    attributes: Mapping[str, AttributeValue]
    histogram: HistogramSnapshot
    start_unix_nano: int
    exemplars: tuple[Exemplar, ...]

    @property
    def name(self) -> str:
        """`component.operation`."""
        return f"{self.component}.{self.operation}"


class _Series:
    __slots__ = ("durations_ns", "exemplars", "histogram")

    def __init__(self) -> None:
        self.histogram = Histogram()
        self.durations_ns: list[int] = []
        self.exemplars: list[tuple[int, int, object]] = []

    def note_exemplar(self, duration_ns: int, end_ns: int, span: object) -> None:
        kept = self.exemplars
        if len(kept) < MAX_EXEMPLARS:
            kept.append((duration_ns, end_ns, span))
            kept.sort(key=lambda item: -item[0])
        elif duration_ns > kept[-1][0]:
            kept[-1] = (duration_ns, end_ns, span)
            kept.sort(key=lambda item: -item[0])


class Recording:
    """Takes entries from the call sites and keeps what is asked about them.

    * Every entry appended is either in exactly one series' histogram or counted as lost.
    * `drain` may be called by any number of threads; entries are handled once, in order.
    * An observer that raises is counted as "observer_failed" and does not disturb the others.
    """

    def __init__(
        self,
        *,
        anchor: WallAnchor,
        losses: Losses,
        observers: Iterable[MeasurementObserver] = (),
        max_pending: int = MAX_PENDING,
    ) -> None:
        self._anchor = anchor
        self._losses = losses
        self._observers = tuple(observers)
        self._max_pending = max_pending
        self._pending: list[Entry] = []
        self._series: dict[tuple[str, str, Outcome], _Series] = {}
        self._lock = threading.Lock()
        self.start_unix_nano = anchor.unix_nano
        self.append: Callable[[Entry], None] = self._pending.append

    def drain(self) -> int:
        """Handle all entries appended so far; return how many there were."""
        with self._lock:
            # Slicing and deleting are one step each for other threads, and appends go to the end.
            waiting = len(self._pending)
            if waiting == 0:
                return 0
            batch = self._pending[:waiting]
            del self._pending[:waiting]
            if waiting > self._max_pending:
                self._losses.count("calls_dropped", waiting - self._max_pending, why="too many at once")
                del batch[: waiting - self._max_pending]
            self._fold(batch)
            if self._observers:
                self._notify([self._measurement_of(entry) for entry in batch if entry[0].is_call])
            return waiting

    def snapshot(self) -> tuple[SeriesSnapshot, ...]:
        """Return all series, by name and outcome."""
        self.drain()
        with self._lock:
            return self._snapshots()

    def collect(self) -> tuple[SeriesSnapshot, ...]:
        """Return all series as `snapshot` does, and begin to look for new exemplars."""
        self.drain()
        with self._lock:
            taken = self._snapshots()
            for series in self._series.values():
                series.exemplars.clear()
            return taken

    def renew_after_fork(self) -> None:
        """Forget what the parent recorded, so that the child's series are its own."""
        self._lock = threading.Lock()
        self._pending.clear()
        self._series.clear()
        self.start_unix_nano = time.time_ns()

    def _fold(self, batch: Sequence[Entry]) -> None:
        all_series = self._series
        touched: dict[int, _Series] = {}
        for site, start_ns, end_ns, outcome, _, _, span in batch:
            key = (site.component, site.operation, outcome)
            series = all_series.get(key)
            if series is None:
                series = all_series[key] = _Series()
            duration_ns = end_ns - start_ns
            series.durations_ns.append(duration_ns)
            touched[id(series)] = series
            if span is not None:
                series.note_exemplar(duration_ns, end_ns, span)
        for series in touched.values():
            series.histogram.record_many(series.durations_ns)
            series.durations_ns.clear()

    def _measurement_of(self, entry: Entry) -> Measurement:
        site, start_ns, end_ns, outcome, error, added, span = entry
        trace_id = span_id = None
        if span is not None:
            span_context = span.get_span_context()
            if span_context.is_valid:
                trace_id, span_id = span_context.trace_id, span_context.span_id
        return Measurement(
            component=site.component,
            operation=site.operation,
            start_ns=start_ns,
            end_ns=end_ns,
            start_unix_nano=self._anchor.to_unix_nano(start_ns),
            outcome=outcome,
            error=error,
            attributes={**site.attributes, **added} if added else site.attributes,
            trace_id=trace_id,
            span_id=span_id,
        )

    def _notify(self, measurements: Sequence[Measurement]) -> None:
        for observer in self._observers:
            try:
                observer(measurements)
            except Exception as error:  # noqa: BLE001  # the next observer must still be told
                self._losses.count("observer_failed", why=repr(error))

    def _snapshots(self) -> tuple[SeriesSnapshot, ...]:
        return tuple(
            SeriesSnapshot(
                component=component,
                operation=operation,
                outcome=outcome,
                attributes=NO_ATTRIBUTES,
                histogram=series.histogram.snapshot(),
                start_unix_nano=self.start_unix_nano,
                exemplars=tuple(self._exemplars_of(series)),
            )
            for (component, operation, outcome), series in sorted(self._series.items())
        )

    def _exemplars_of(self, series: _Series) -> Iterable[Exemplar]:
        for duration_ns, end_ns, span in series.exemplars:
            span_context = span.get_span_context()  # type: ignore[attr-defined]  # spans of any provider
            if span_context.is_valid:
                yield Exemplar(
                    value_ns=duration_ns,
                    unix_nano=self._anchor.to_unix_nano(end_ns),
                    trace_id=span_context.trace_id,
                    span_id=span_context.span_id,
                )
