"""Objectives, windowed budgets and their alerts as a part of the telemetry; few policies need it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from latency_kit.budget import (
    Alerts,
    AlertSink,
    BudgetEvaluation,
    BudgetFigure,
    BudgetPolicy,
    ObjectiveStatus,
    RollingWatch,
    log_alert,
    span_alert,
)
from latency_kit.clock import Clock, WallAnchor
from latency_kit.measurement.active import Entry
from latency_kit.measurement.drain import DrainThread
from latency_kit.measurement.entries import series_and_duration_ns
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.recording import Recording
from latency_kit.units import NS_PER_S

__all__ = ["DEFAULT_SINKS", "ObjectivesPart", "build_objectives_part"]

DEFAULT_SINKS: tuple[AlertSink, ...] = (log_alert, span_alert)

_TICK_S = 1.0


class ObjectivesPart:
    """Follows objectives and windowed budgets, tells their alerts and stores their windows.

    * `flush` and `shutdown` judge first, so that what has been recorded is told.
    * After a fork the child begins with empty windows and stores none.
    """

    def __init__(self, watch: RollingWatch, alerts: Alerts, recording: Recording) -> None:
        self._watch = watch
        self._alerts = alerts
        self._recording = recording
        self._thread = DrainThread(self._tick, interval_s=_TICK_S)
        recording.observe_entries(self._take)

    def objectives(self) -> tuple[ObjectiveStatus, ...]:
        """Return how every objective stands now."""
        return self._watch.objectives()

    def evaluate(self) -> tuple[BudgetEvaluation, ...]:
        """Judge every budget that has a window by the calls in it."""
        return self._watch.evaluate()

    def figures(self) -> tuple[BudgetFigure, ...]:
        """Return what goes to metrics."""
        return self._watch.figures()

    def start(self, losses: Callable[[], Mapping[str, int]]) -> None:  # noqa: ARG002  # those of the whole
        """Begin to judge once a second."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Judge no more until `start`."""
        self._thread.stop(max(timeout_s, 0.0))

    def flush(self, timeout_s: float) -> bool:
        """Judge, store and tell; tell whether that came about within the time limit."""
        self._watch.judge()
        is_stored = self._watch.save()
        return self._alerts.flush(timeout_s) and is_stored

    def shutdown(self, timeout_s: float) -> bool:
        """Flush, then end."""
        self.stop(timeout_s)
        self._watch.judge()
        is_stored = self._watch.save()
        return self._alerts.shutdown(timeout_s) and is_stored

    def losses(self) -> Mapping[str, int]:
        """Return nothing: watch and alerts count into the losses of the whole."""
        return {}

    def renew_after_fork(self) -> None:
        """Begin anew in the child."""
        self._watch.renew_after_fork()
        self._alerts.renew_after_fork()

    def _tick(self) -> int:
        self._watch.tick()
        return 0

    def _take(self, entries: Sequence[Entry], /) -> None:
        watched, recording = self._watch.watched, self._recording
        calls = [
            recording.measurement_of(entry)
            for entry in entries
            if series_and_duration_ns(entry)[0] in watched
        ]
        if calls:
            self._watch(calls)


def build_objectives_part(
    policy: BudgetPolicy,
    recording: Recording,
    *,
    anchor: WallAnchor,
    clock: Clock,
    losses: Losses,
    sinks: Iterable[AlertSink] | None,
    state_file: Path | str | None,
) -> ObjectivesPart:
    """Set up the following of `policy`; nothing runs before `start`.

    Raises:
        UsageError: A sink cannot be called.
    """
    alerts = Alerts(DEFAULT_SINKS if sinks is None else sinks, losses=losses)
    watch = RollingWatch(
        policy,
        anchor=anchor,
        clock=clock,
        tell=alerts.tell,
        losses=losses,
        state_file=None if state_file is None else Path(state_file),
        judge_interval_ns=int(_TICK_S * NS_PER_S) // 2,
    )
    return ObjectivesPart(watch, alerts, recording)
