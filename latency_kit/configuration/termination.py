"""SIGTERM: flush, then do what would have been done without us. Only where the program asked for it.

Python ends a process on SIGTERM without its exit handlers; what was not yet written is lost then.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from types import FrameType
from typing import Any

from latency_kit.errors import ConfigurationError

__all__ = ["FlushOnSigterm"]

_REMINDERS = 100
_BETWEEN_REMINDERS_S = 0.05

_NAME = "flush_on_sigterm=True"


class FlushOnSigterm:
    """Stands in for the disposition of SIGTERM: `flush` first, for a bounded time, then the previous one.

    * The previous disposition takes effect in the main thread, with the frame that was interrupted: a
      handler is called, the default ends the process by the signal (its parent sees SIGTERM as before).
    * Nothing waits in the signal handler: the flush happens in a thread of its own, so that it does not
      matter what the main thread was in the middle of.
    * However the flush goes, the previous disposition takes effect after `timeout_s` seconds.
    * In a forked child it works as well.
    """

    def __init__(self, *, timeout_s: float) -> None:
        """Make sure that the place of the current disposition can be taken; `begin` takes it.

        Args:
            timeout_s: The longest that the end of the process is held up.

        Raises:
            ConfigurationError: This is not the main thread, the system has no such signals, or the current
                disposition was set by other means than Python's.
        """
        if not hasattr(signal, "pthread_kill"):
            raise ConfigurationError(f"{_NAME} needs a POSIX system; leave it out here")
        if threading.current_thread() is not threading.main_thread():
            raise ConfigurationError(f"{_NAME} needs configure() to be called in the main thread")
        previous = signal.getsignal(signal.SIGTERM)
        if previous is None:
            raise ConfigurationError(
                f"{_NAME} cannot be used: SIGTERM is already in the hands of a library that is not Python's; "
                "call flush() from there"
            )
        self._previous: Any = previous
        self._flush: Callable[[float], object] = _do_nothing
        self._timeout_s = timeout_s
        # Python's own signal handlers may interrupt each other; of all queues only this one allows that.
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._is_flushing = False
        self._has_flushed = False
        self._is_in_force = False
        self._watcher: threading.Thread | None = None

    def begin(self, *, flush: Callable[[float], object], end: Callable[[float], object]) -> None:
        """Take the place of the current disposition; `start` is still to be called.

        Args:
            flush: Called before the previous disposition lets the process go on, or may do so.
            end: Called before the process ends by the signal. Both are given how many seconds they have.
        """
        self._flush = end if self._previous == signal.SIG_DFL else flush
        self._is_in_force = True
        signal.signal(signal.SIGTERM, self._take)

    def remove(self) -> None:
        """Put the previous disposition back, unless another one has taken our place; never raises."""
        self._is_in_force = False
        self._asked.put(False)
        with contextlib.suppress(ValueError):  # not the main thread: what stays does nothing but chain
            if signal.getsignal(signal.SIGTERM) == self._take:
                signal.signal(signal.SIGTERM, self._previous)

    def start(self) -> None:
        """Watch for the signal, after `begin`, `stop` or `renew_after_fork`."""
        if self._is_in_force:
            self._watcher = threading.Thread(
                target=self._watch, args=(self._asked,), name="latency_kit-sigterm", daemon=True
            )
            self._watcher.start()

    def stop(self, timeout_s: float) -> None:
        """Watch no more, for the moment of a fork; a signal that comes then waits for `start`."""
        self._asked.put(False)
        if self._watcher is not None:
            self._watcher.join(timeout_s)

    def renew_after_fork(self) -> None:
        """Forget, in the child, what signals its parent got; `start` is still to be called."""
        self._asked = SimpleQueue()
        self._is_flushing = self._has_flushed = False

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._has_flushed or not self._is_in_force:
            # Out of force it may still be called: by a handler that was set later and chains to this one.
            self._has_flushed = False
            self._do_as_before(number, frame)
        elif not self._is_flushing:
            self._is_flushing = True
            self._asked.put(True)

    def _do_as_before(self, number: int, frame: FrameType | None) -> None:
        if callable(self._previous):
            self._previous(number, frame)
        elif self._previous == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def _watch(self, asked: "SimpleQueue[bool]") -> None:
        while asked.get():
            flushing = threading.Thread(
                target=self._flush_quietly, name="latency_kit-sigterm-flush", daemon=True
            )
            flushing.start()
            flushing.join(self._timeout_s)
            self._is_flushing = False
            self._has_flushed = True
            self._remind_main_thread()

    def _remind_main_thread(self) -> None:
        # Python handles signals in the main thread. One that comes just before that begins to wait for a lock
        # does not wake it (seen on free-threaded 3.13 in half of all tries): so until it has been taken.
        for _ in range(_REMINDERS):
            signal.pthread_kill(_ident(threading.main_thread()), signal.SIGTERM)
            time.sleep(_BETWEEN_REMINDERS_S)
            if not self._has_flushed:
                return

    def _flush_quietly(self) -> None:
        with contextlib.suppress(Exception):
            self._flush(self._timeout_s)


def _do_nothing(_timeout_s: float) -> None:
    """Stand for `flush` until `begin`."""


def _ident(thread: threading.Thread) -> int:
    assert thread.ident is not None  # noqa: S101  # it runs
    return thread.ident
