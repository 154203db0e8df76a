"""What happens to finished calls off the hot path: histograms first, then whoever wants to be told.

Call sites append entries to a list; `drain` takes them out and does the work, on a background thread
and whenever somebody reads. A reader therefore always sees every call that ended before it asked.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from latency_kit.clock import WallAnchor
from latency_kit.histogram import HistogramSnapshot
from latency_kit.measurement.active import Entry, FinishedSpan, active
from latency_kit.measurement.entries import PLAIN_FIELDS, measurement_of
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.measurement import Measurement, Outcome
from latency_kit.measurement.observers import EntryObserver, MeasurementObserver
from latency_kit.measurement.series import Exemplar, Series, SeriesSnapshot
from latency_kit.measurement.series_attributes import (
    SeriesId,
    SeriesIds,
    added_attributes,
    attributes_of,
    order_of,
)

__all__ = ["EntryObserver", "Exemplar", "MeasurementObserver", "Recording", "SeriesSnapshot"]

MAX_UNTOLD = 200_000
"""Finished calls that may wait for slow observers, in the histograms already; older ones are dropped."""

_PORTION = 64
_SMALL_PORTION = 20
"""Entries that the background thread handles before it lets the program run, and the same while another
thread computes without pause: some 30 us of work, the most that the program is held up."""

_PAUSE_S = 0.000_05
"""What it sleeps between two portions, so that a thread that waits for the interpreter gets it at once."""

_CONTENDED_NS = 1_000_000
"""A pause that took longer was waiting for the interpreter: another thread did not let go of it by itself."""

_TAKEN_AT_ONCE = 4096
"""Entries taken from the front of the list in one step: some 30 us, whatever waits behind them."""

_PRESSURE_ABOVE = 16_384
_PRESSURE_BELOW = 2_048
"""Waiting entries above which call sites begin to help, and below which they need not any longer."""

_HELPED = 16
"""Entries that a call site folds for the one that it appends under pressure: some 15 us."""


class Recording:
    """Takes entries from the call sites and keeps what is asked about them.

    * Every entry appended is in exactly one series' histogram, under any pressure: call sites that outrun
      the background thread fold a few entries themselves, without ever waiting for a lock.
    * `drain` may be called by any number of threads; entries are handled once, in order.
    * An observer that raises is counted as "observer_failed" and does not disturb the others.
    * Entries that wait for slow observers are bounded; what is dropped is counted as "measurements_dropped".
    """

    def __init__(
        self,
        *,
        anchor: WallAnchor,
        losses: Losses,
        observers: Iterable[MeasurementObserver] = (),
        max_untold: int = MAX_UNTOLD,
        ids: SeriesIds | None = None,
    ) -> None:
        self._anchor = anchor
        self._losses = losses
        self._observers = tuple(observers)
        self._entry_observers: tuple[EntryObserver, ...] = ()
        self._spans_to: Callable[[Sequence[FinishedSpan]], object] | None = None
        self._max_untold = max_untold
        self._pending: list[Entry] = []
        self._taken: list[Entry] = []
        self._untold: list[Entry] = []
        self._ids = SeriesIds() if ids is None else ids
        self._looks_at_attributes = self._ids.looks_at_attributes
        self._series: dict[SeriesId, Series] = {}
        self._lock = threading.Lock()
        self._telling = threading.RLock()
        self.start_unix_nano = anchor.unix_nano
        self._plain_append: Callable[[Entry], None] = self._pending.append
        self.append: Callable[[Entry], None] = self._plain_append

    def observe_entries(self, observer: EntryObserver) -> None:
        """Tell `observer` of every finished call from now on; measurements are made only if it asks."""
        self._entry_observers += (observer,)

    def send_spans_to(self, receiver: Callable[[Sequence[FinishedSpan]], object] | None) -> None:
        """Give the sampled spans of our own provider to `receiver`, which must neither block nor raise."""
        self._spans_to = receiver

    def drain(self) -> None:
        """Handle all entries appended so far."""
        self._fold_all()
        self._tell()

    def drain_within(self, timeout_s: float) -> bool:
        """Handle all entries appended so far, unless a stuck observer keeps that from happening in time."""
        if not self._telling.acquire(timeout=max(timeout_s, 0.0)):
            return False
        try:
            self.drain()
        finally:
            self._telling.release()
        return True

    def drain_gently(self) -> int:
        """Handle all entries appended so far, with pauses, so that no thread waits long for its turn.

        Return how many there were.
        """
        self._meet_pressure()
        waiting = found = len(self._pending) + len(self._taken)
        portion = _PORTION
        while waiting > 0:
            with self._lock:
                handled = self._handle(portion)
            if not handled:
                break
            waiting -= handled
            paused_ns = time.perf_counter_ns()
            time.sleep(_PAUSE_S)
            is_contended = time.perf_counter_ns() - paused_ns > _CONTENDED_NS
            portion = _SMALL_PORTION if is_contended else _PORTION
        self._meet_pressure()
        self._tell()
        return found

    def snapshot(self) -> tuple[SeriesSnapshot, ...]:
        """Return all series, by name and outcome; does not wait for an observer that another thread tells."""
        self._fold_all()
        self._tell(is_waiting=False)
        with self._lock:
            return self._snapshots()

    def collect(self) -> tuple[SeriesSnapshot, ...]:
        """Return all series as `snapshot` does, and begin to look for new exemplars."""
        self._fold_all()
        self._tell(is_waiting=False)
        with self._lock:
            taken = self._snapshots()
            for series in self._series.values():
                series.forget_exemplars()
            return taken

    def hold(self, timeout_s: float) -> Callable[[], None]:
        """Wait until nobody reads, folds or tells observers, and keep it so until what is returned is called.

        For a fork: the child then finds nothing half done. What takes longer than the time limit is not
        waited for; the child begins anew in any case.
        """
        held = [lock for lock in (self._telling, self._lock) if lock.acquire(timeout=timeout_s)]

        def let_go() -> None:
            for lock in reversed(held):
                lock.release()

        return let_go

    def folded(self, component: str, operation: str) -> Mapping[Outcome, HistogramSnapshot] | None:
        """Return one operation's histograms by outcome, without the calls that still wait for the drain.

        For callers that must not wait, such as a decision on the way of a request: None while another
        thread is at work on the series.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            found: dict[Outcome, HistogramSnapshot] = {}
            for series_id, series in self._series.items():
                if series_id[0] == component and series_id[1] == operation:
                    taken = series.histogram_now()
                    known = found.get(series_id[2])
                    found[series_id[2]] = taken if known is None else known.merge(taken)
            return found
        finally:
            self._lock.release()

    def renew_after_fork(self) -> None:
        """Forget what the parent recorded, so that the child's series are its own."""
        self._lock = threading.Lock()
        self._telling = threading.RLock()
        self._pending.clear()
        self._taken.clear()
        self._untold.clear()
        # Call sites hold on to series; those of the parent must not be found there again.
        for series in self._series.values():
            series.owner = None
        self._series = {}
        self.start_unix_nano = time.time_ns()

    def measurement_of(self, entry: Entry) -> Measurement:
        """Return the record of a finished call for people and files."""
        return measurement_of(entry, self._anchor)

    def _fold_all(self) -> None:
        with self._lock:
            waiting = len(self._pending) + len(self._taken)
            while waiting > 0 and (handled := self._handle(_TAKEN_AT_ONCE)):
                waiting -= handled

    def _handle(self, most: int) -> int:
        """Take and fold at most that many entries, the lock being held; return how many there were."""
        taken = self._taken
        if not taken:
            # Slicing and deleting are one step each for other threads, and appends go to the end.
            taken = self._taken = self._pending[:_TAKEN_AT_ONCE]
            del self._pending[: len(taken)]
            # From here on the oldest stands last, where it is taken away for nothing.
            taken.reverse()
        portion = taken[-most:]
        del taken[-most:]
        portion.reverse()
        self._fold(portion)
        return len(portion)

    def _fold(self, portion: Sequence[Entry]) -> None:  # noqa: C901, PLR0912  # one loop: calls cost more
        touched: dict[int, Series] = {}
        spans: list[FinishedSpan] = []
        untold: list[Entry] = []
        ok = Outcome.OK
        for entry in portion:
            span: Any
            if type(entry) is tuple:
                if len(entry) == PLAIN_FIELDS:
                    site, start_ns, end_ns = entry
                    outcome, span = ok, None
                else:
                    site, start_ns, end_ns, outcome, _, _, span = entry
            else:
                span = entry
                site = span.site
                if span.is_sampled:
                    spans.append(span)
                if site is None:
                    continue
                start_ns, end_ns = span.start_ns, span.end_ns
                outcome = ok if span.result is None else span.result[0]
            series = site.kept
            if outcome is not ok or series is None or series.owner is not self:
                series = self._series_of(site, outcome, entry)
            duration_ns = end_ns - start_ns
            series.durations_ns.append(duration_ns)
            touched[id(series)] = series
            if site.corrected is not None:
                corrected = self._series_of(site.corrected, outcome, entry)
                corrected.durations_ns.append(duration_ns)
                touched[id(corrected)] = corrected
            if span is not None and duration_ns > series.exemplar_above_ns:
                series.note_exemplar(duration_ns, end_ns, span)
            if site.is_call:
                untold.append(entry)
        for series in touched.values():
            series.fold_if_many()
        if spans and self._spans_to is not None:
            self._spans_to(spans)
        if untold and (self._observers or self._entry_observers):
            self._untold.extend(untold)
            surplus = len(self._untold) - self._max_untold
            if surplus > 0:
                del self._untold[:surplus]
                why = "calls come faster than recent(), files and budgets can be told"
                self._losses.count("measurements_dropped", surplus, why=why)

    def _series_of(self, site: Any, outcome: Outcome, entry: Entry) -> Series:
        added = added_attributes(entry) if self._looks_at_attributes else None
        wanted = self._ids.id_of(site, outcome, added)
        series = self._series.get(wanted)
        if series is None:
            admitted = self._ids.admitted(wanted, self._series, self._losses)
            series = self._series.get(admitted)
            if series is None:
                series = self._series[admitted] = Series(self, site.expected_interval_ns)
        if outcome is Outcome.OK and not self._looks_at_attributes:
            site.kept = series
        return series

    def _tell(self, *, is_waiting: bool = True) -> None:
        """Tell the observers what has been folded since they were told last.

        Whoever waits does so also with nothing left to tell: another thread may still be telling.
        """
        if not self._telling.acquire(blocking=is_waiting):
            return
        try:
            if not self._untold:
                return
            with self._lock:
                untold, self._untold = self._untold, []
            for observer in self._entry_observers:
                self._tell_one(observer, untold)
            if self._observers:
                measurements = [self.measurement_of(entry) for entry in untold]
                for each in self._observers:
                    self._tell_one(each, measurements)
        finally:
            self._telling.release()

    def _tell_one(self, observer: Callable[[Sequence[Any]], None], batch: Sequence[Any]) -> None:
        try:
            observer(batch)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the next observer must still be told
            self._losses.count("observer_failed", why=repr(error))

    def _meet_pressure(self) -> None:
        """Let call sites help while more is waiting than this thread gets done, and no longer."""
        waiting = len(self._pending)
        if waiting > _PRESSURE_ABOVE:
            wanted: Callable[[Entry], None] = self._append_and_help
        elif waiting < _PRESSURE_BELOW:
            wanted = self._plain_append
        else:
            return
        if wanted != self.append:
            if active.append == self.append:
                active.append = wanted
            self.append = wanted

    def _append_and_help(self, entry: Entry) -> None:
        self._pending.append(entry)
        # Never waits: whoever holds the lock is doing this work already.
        if self._lock.acquire(blocking=False):
            try:
                self._handle(_HELPED)
            finally:
                self._lock.release()

    def _snapshots(self) -> tuple[SeriesSnapshot, ...]:
        return tuple(
            SeriesSnapshot(
                component=series_id[0],
                operation=series_id[1],
                outcome=series_id[2],
                attributes=attributes_of(series_id),
                histogram=series.histogram_now(),
                start_unix_nano=self.start_unix_nano,
                exemplars=tuple(series.exemplars(self._anchor)),
            )
            for series_id, series in sorted(self._series.items(), key=lambda item: order_of(item[0]))
        )
