"""A daemon thread that does one piece of work at intervals and when asked, and never holds anyone up."""

import os
import threading
import time
import weakref
from collections.abc import Callable

from latency_kit.measurement.losses import Losses

__all__ = ["BackgroundWork"]


class BackgroundWork:
    """Calls `work` every `interval_s` seconds, on `wake()`, on `flush()` and once more at `shutdown()`.

    * Calls of `work` never overlap, and all of them happen in the one thread.
    * `flush` and `shutdown` wait no longer than they were told, whatever `work` does.
    * `flush` returns only after a call that began after it was asked for.
    * Nothing that `work` raises goes further; it is counted as "export_passes_failed".
    * A forked child gets a thread of its own; what the parent was asked for is not done by the child.
    """

    def __init__(
        self,
        *,
        name: str,
        interval_s: float,
        work: Callable[[], bool],
        losses: Losses,
        after_fork: Callable[[], None] | None = None,
    ) -> None:
        self._name = name
        self._interval_s = interval_s
        self._work = work
        self._losses = losses
        self._after_fork = after_fork
        self._stopping = False
        self._begin_anew()
        if hasattr(os, "register_at_fork"):
            restart = weakref.WeakMethod(self._restart_in_child)

            def restart_if_alive() -> None:
                method = restart()
                if method is not None:
                    method()

            os.register_at_fork(after_in_child=restart_if_alive)

    def _begin_anew(self) -> None:
        self._condition = threading.Condition()
        self._asked = 0
        self._done = 0
        self._woken = False
        self._succeeded = True
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def _restart_in_child(self) -> None:
        if self._stopping:
            return
        try:
            if self._after_fork is not None:
                self._after_fork()
            self._begin_anew()
        except Exception as error:  # noqa: BLE001  # fork() must succeed in the program, whatever fails here
            self._losses.count("export_threads_not_started", why=repr(error))

    def wake(self) -> None:
        """Have `work` called soon; returns at once."""
        if not self._woken:
            with self._condition:
                self._woken = True
                self._condition.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Have `work` called and wait for it; tell whether it ended in time and said True."""
        with self._condition:
            if self._stopping:
                return False
            self._asked += 1
            ticket = self._asked
            self._condition.notify_all()
            ended = self._condition.wait_for(lambda: self._done >= ticket, timeout=max(timeout_s, 0.0))
            return ended and self._succeeded

    def shutdown(self, timeout_s: float) -> bool:
        """Have `work` called a last time and the thread ended; tell whether that came about in time."""
        with self._condition:
            first = not self._stopping
            self._stopping = True
            self._condition.notify_all()
        if self._thread is threading.current_thread():
            return False
        self._thread.join(max(timeout_s, 0.0))
        return not self._thread.is_alive() and (self._succeeded or not first)

    def _run(self) -> None:
        next_s = time.monotonic() + self._interval_s
        while True:
            with self._condition:
                self._condition.wait_for(self._is_due, timeout=max(next_s - time.monotonic(), 0.0))
                stopping, ticket = self._stopping, self._asked
                self._woken = False
            try:
                succeeded = self._work()
            except Exception as error:  # noqa: BLE001  # a failing pass must not end the thread
                succeeded = False
                self._losses.count("export_passes_failed", why=repr(error))
            with self._condition:
                self._succeeded = succeeded
                self._done = ticket
                self._condition.notify_all()
            if stopping:
                return
            if time.monotonic() >= next_s:
                next_s = time.monotonic() + self._interval_s

    def _is_due(self) -> bool:
        return self._stopping or self._woken or self._asked > self._done
