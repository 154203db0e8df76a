"""Pauses of the cyclic garbage collector, during which no thread runs Python code."""

import gc
from typing import Any

from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.duration_series import DurationSeries
from latency_kit.measurement.pauses import NotedPause, note_pause
from latency_kit.units import NS_PER_MS

__all__ = ["GarbageCollectorProbe"]

GENERATIONS = 3


class GarbageCollectorProbe:
    """Records each collection in the series `garbage_collector.generation_0` to `generation_2`.

    * Collections of `told_above_ms` or more are told to the calls that they delayed.
    * It takes no lock and touches no span: a collection may begin wherever memory is taken, also inside of
      the code that makes spans.

    Raises:
        UsageError: `told_above_ms` is negative.
    """

    __slots__ = ("_begun_ns", "_series", "_told_above_ns")

    def __init__(self, *, told_above_ms: float = 1.0) -> None:
        if told_above_ms < 0:
            raise UsageError(f"told_above_ms must not be negative, got {told_above_ms}")
        self._told_above_ns = int(told_above_ms * NS_PER_MS)
        self._series = [
            DurationSeries("garbage_collector", f"generation_{number}") for number in range(GENERATIONS)
        ]
        self._begun_ns: int | None = None

    def start(self) -> None:
        """Listen to the collector."""
        gc.callbacks.append(self._note)

    def stop(self) -> None:
        """Listen no more; idempotent."""
        if self._note in gc.callbacks:
            gc.callbacks.remove(self._note)

    def _note(self, phase: str, info: dict[str, Any]) -> None:
        now_ns = active.clock()
        if phase == "start":
            self._begun_ns = now_ns
            return
        begun_ns, self._begun_ns = self._begun_ns, None
        if begun_ns is None:  # it began before the probe did
            return
        series = self._series[min(info["generation"], GENERATIONS - 1)]
        series.note(begun_ns, now_ns)
        if now_ns - begun_ns >= self._told_above_ns:
            note_pause(NotedPause(series.name, begun_ns, now_ns))
