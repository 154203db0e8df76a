"""From notices to where people see them, without anybody having to wait: one short queue and thread a sink.

The sinks that need nothing but Python's own logging live here; spans and webhooks have modules of their own.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from latency_kit.budget.notices import AlertNotice, NoticeKind
from latency_kit.errors import UsageError
from latency_kit.measurement.losses import Losses

__all__ = ["ALERT_CAPACITY", "AlertSink", "Alerts", "log_alert"]

_log = logging.getLogger("latency_kit.budget")

ALERT_CAPACITY: Final = 100
"""Notices that may wait for one sink; a notice more drops the oldest, which is counted."""

AlertSink = Callable[[AlertNotice], object]
"""Takes one notice; may take its time and may raise."""


def log_alert(notice: AlertNotice) -> None:
    """Log a notice to `latency_kit.budget`: its begin as a warning, its end as information."""
    level = logging.INFO if notice.kind is NoticeKind.RECOVERED else logging.WARNING
    trace = "" if notice.trace_id is None else f" [trace {notice.trace_id:032x}]"
    _log.log(level, "%s%s", notice.message, trace, extra={"alert": notice.as_data()})


class Alerts:
    """Hands each notice to every sink, each sink in a thread of its own.

    * `tell` returns at once and never raises, whatever the sinks do.
    * A sink gets its notices in order, one at a time; a slow one delays no other.
    * A sink that raises is counted ("alerts_failed"), and so is what its queue could not take or keep
      ("alerts_dropped").
    * A thread lives only while there is something to tell: without alerts there are none.
    """

    def __init__(
        self,
        sinks: Iterable[AlertSink],
        *,
        losses: Losses | None = None,
        capacity: int = ALERT_CAPACITY,
    ) -> None:
        """Prepare the queues.

        Raises:
            UsageError: A sink cannot be called, or `capacity` is below 1.
        """
        if capacity < 1:
            raise UsageError(f"capacity must be at least 1 notice, got {capacity!r}")
        self._losses = Losses() if losses is None else losses
        self._capacity = capacity
        self._sinks = tuple(sinks)
        for sink in self._sinks:
            if not callable(sink):
                raise UsageError(f"an alert sink is called with an AlertNotice, got {sink!r}")
        self._begin()

    def tell(self, notice: AlertNotice) -> None:
        """Hand a notice to every sink."""
        for outlet in self._outlets:
            outlet.put(notice)

    def flush(self, timeout_s: float) -> bool:
        """Wait until all sinks have taken all notices; tell whether they did within `timeout_s` seconds."""
        until_s = time.monotonic() + timeout_s
        done = [outlet.wait_empty(until_s - time.monotonic()) for outlet in self._outlets]
        return all(done)

    def shutdown(self, timeout_s: float) -> bool:
        """Flush, then take no more notices; what was not told by then is counted as dropped."""
        done = self.flush(timeout_s)
        for outlet in self._outlets:
            outlet.stop()
        return done

    def renew_after_fork(self) -> None:
        """Begin with empty queues in a forked child; what waits is the parent's to tell."""
        self._begin()

    def _begin(self) -> None:
        self._outlets = [_Outlet(sink, self._losses, self._capacity) for sink in self._sinks]


class _Outlet:
    """One sink with its queue and its thread."""

    def __init__(self, sink: AlertSink, losses: Losses, capacity: int) -> None:
        self._sink = sink
        self._losses = losses
        self._waiting: deque[AlertNotice] = deque()
        self._capacity = capacity
        self._changed = threading.Condition()
        self._is_stopped = False
        self._thread: threading.Thread | None = None

    def put(self, notice: AlertNotice) -> None:
        with self._changed:
            if self._is_stopped or len(self._waiting) >= self._capacity:
                self._losses.count("alerts_dropped", why="stopped" if self._is_stopped else "slow sink")
                if self._is_stopped:
                    return
                self._waiting.popleft()
            self._waiting.append(notice)
            if self._thread is None:
                self._start()

    def wait_empty(self, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout=max(timeout_s, 0.0))

    def stop(self) -> None:
        with self._changed:
            self._is_stopped = True
            if self._waiting:
                self._losses.count("alerts_dropped", len(self._waiting), why="stopped")
                self._waiting.clear()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="latency_kit-alerts", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError as error:
            # At the end of the interpreter, or where there are too many: the next notice tries again.
            self._thread = None
            self._losses.count("alert_threads_failed", why=repr(error))

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._thread = None
                    self._changed.notify_all()
                    return
                notice = self._waiting.popleft()
            try:
                self._sink(notice)
            except Exception as error:  # noqa: BLE001  # a sink is anybody's code
                self._losses.count("alerts_failed", why=repr(error))
