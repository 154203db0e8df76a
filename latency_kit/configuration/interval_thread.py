"""The thread of a part that writes at intervals. What it writes is the part's affair."""

import contextlib
import threading
import time
from collections.abc import Callable

__all__ = ["IntervalThread"]

_LEAST_REST = 19
"""The thread rests so many times as long as it worked: it takes a twentieth of one core at most."""


class IntervalThread:
    """Calls `work` every `interval_s` seconds on a daemon thread while it is started.

    * Work that takes long is done less often: at most a twentieth of one core goes into it.
    * It may be stopped and started again, as around a fork; however often, the next work is not put off.
    * Work that raises does not end the thread.
    """

    def __init__(self, work: Callable[[], object], *, name: str, interval_s: float) -> None:
        self._work = work
        self._name = name
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._due_s = 0.0

    def start(self) -> None:
        """Start the thread; it must not be running."""
        if not self._due_s:
            self._due_s = time.monotonic() + self._interval_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._stopping,), name=self._name, daemon=True
        )
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ask the thread to end and wait for it at most `timeout_s` seconds; idempotent."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(max(timeout_s, 0.0))
        self._thread = None

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.wait(max(self._due_s - time.monotonic(), 0.0)):
            began_s = time.monotonic()
            # Parts count their own losses.
            with contextlib.suppress(Exception):
                self._work()
            ended_s = time.monotonic()
            self._due_s = max(began_s + self._interval_s, ended_s + _LEAST_REST * (ended_s - began_s))
