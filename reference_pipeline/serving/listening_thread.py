"""The one thread on which the sound of all remote speakers is listened to.

The event loop must not run voice activity detection, and a thread a speaker would only fight for the
interpreter: a block of 32 ms is judged in a fraction of a millisecond.
"""

import logging
import queue
import threading
from collections.abc import Callable

__all__ = ["ListeningThread"]

_log = logging.getLogger(__name__)


class ListeningThread:
    """Runs what it is given, in order, on a daemon thread of its own.

    * `submit` never waits.
    * What a task raises is logged and ends nothing.
    * After `close` nothing more runs; what was submitted before it has run.
    """

    def __init__(self, name: str = "listening to speakers") -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._order = threading.Lock()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, task: Callable[[], None]) -> bool:
        """Have `task` run after everything submitted before; False where the thread is closing."""
        with self._order:
            if self._closing:
                return False
            self._tasks.put(task)
            return True

    def close(self, timeout_s: float = 5.0) -> bool:
        """End the thread; return whether it ended in time. Idempotent; not to be called from a task."""
        with self._order:
            if not self._closing:
                self._closing = True
                self._tasks.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def is_current(self) -> bool:
        """Whether the caller runs on this thread."""
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task()
            except Exception:  # noqa: BLE001  # one speaker's failure must not end the hearing of all
                _log.exception("a task of the listening thread failed")
