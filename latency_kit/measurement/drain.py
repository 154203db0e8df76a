"""The background thread that drains a recording at a fixed interval."""

import threading
from collections.abc import Callable

__all__ = ["DRAIN_INTERVAL_S", "DrainThread"]

DRAIN_INTERVAL_S = 0.1
"""Seconds between two drains: how late a budget warning or a line of the JSONL file may be."""


class DrainThread:
    """Calls `drain` every `interval_s` seconds on a daemon thread until stopped.

    * A drain that raises does not end the thread.
    * It can be started again after a fork, which leaves the child without the thread.
    """

    def __init__(self, drain: Callable[[], object], *, interval_s: float = DRAIN_INTERVAL_S) -> None:
        self._drain = drain
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; it must not be running."""
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
        while not stopping.wait(self._interval_s):
            try:
                self._drain()
            except Exception:  # noqa: BLE001, S112  # the recording counts its own losses
                continue
