"""The background thread that drains a recording at a fixed interval."""

import threading
import time
from collections.abc import Callable

__all__ = ["DRAIN_INTERVAL_S", "DrainThread"]

DRAIN_INTERVAL_S = 0.1
"""Seconds between two drains: how late a budget warning or a line of the JSONL file may be."""

_SHORTEST_INTERVAL_S = 0.01

_ENOUGH = 300
"""Finished calls that one drain should find. A few hundred objects that wait are no work for the garbage
collector of the program, which looks at all new ones once there are 700 (`gc.get_threshold`)."""


class DrainThread:
    """Calls `drain` every `interval_s` seconds on a daemon thread until stopped.

    * It is called more often while it finds much to do, at most every 10 ms; it may tell how much.
    * A drain that raises does not end the thread.
    * It can be started again after a fork, which leaves the child without the thread.
    """

    def __init__(self, drain: Callable[[], int | None], *, interval_s: float = DRAIN_INTERVAL_S) -> None:
        self._drain = drain
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._due_s = 0.0

    def start(self) -> None:
        """Start the thread; it must not be running."""
        # Stopped and started around every fork: however often that is, the next drain is not put off.
        self._due_s = self._due_s or time.monotonic() + self._interval_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._stopping,), name="latency_kit-drain", daemon=True
        )
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Ask the thread to end and wait for it at most `timeout_s` seconds; idempotent."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        self._thread = None

    def _run(self, stopping: threading.Event) -> None:
        interval_s = self._interval_s
        shortest_s = min(_SHORTEST_INTERVAL_S, interval_s)
        while not stopping.wait(max(self._due_s - time.monotonic(), 0.0)):
            try:
                found = self._drain() or 0
            except Exception:  # noqa: BLE001  # the recording counts its own losses
                found = 0
            # What would have found enough, had calls come at the same rate.
            wanted_s = interval_s * _ENOUGH / found if found else self._interval_s
            interval_s = min(max(wanted_s, shortest_s), self._interval_s)
            self._due_s = time.monotonic() + interval_s
