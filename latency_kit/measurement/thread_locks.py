"""Measured locks between threads: the wait to get in, and how long those stay who got in.

connections = MeasuredLock("database", "connection", threading.BoundedSemaphore(4))
with connections:          # database.connection.wait
    query()                # database.connection.hold
"""

import threading
from collections.abc import Hashable, Mapping
from types import TracebackType
from typing import Any, Protocol

from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.measured_lock import ANYONE, LockSeries
from latency_kit.measurement.measurement import AttributeValue, Outcome
from latency_kit.measurement.outcomes import outcome_of

__all__ = ["MeasuredLock", "ThreadLock"]

_RLOCK = type(threading.RLock())
_EXCLUSIVE = type(threading.Lock())


class ThreadLock(Protocol):
    """`threading.Lock`, `RLock`, `Semaphore`, `BoundedSemaphore`, or anything that is used as they are."""

    def acquire(self, blocking: bool = ..., timeout: Any = ...) -> bool:
        """Get in; tell whether that came about."""
        ...

    def release(self) -> None:
        """Leave."""
        ...


class MeasuredLock:
    """A lock or semaphore of `threading` that measures who waits for it and who holds it; see `LockSeries`.

    Args:
        component: The part of the program whose resource this is.
        operation: The resource.
        lock: What is measured; a new `threading.Lock` by default.
        attributes: Fixed attributes of the series.
        span: False makes no spans of waits.

    * `acquire`, `release`, `locked` and `with` do what those of the lock do.
    * An `RLock` that its holder takes again neither waits nor begins a new stay.
    * It is no lock for a `threading.Condition`, which looks into its lock.

    Raises:
        UsageError: A name or an attribute is unfit, or `lock` has no `acquire` and `release`.
    """

    __slots__ = ("_is_exclusive", "_is_reentrant", "_lock", "_series")

    def __init__(
        self,
        component: str,
        operation: str,
        lock: ThreadLock | None = None,
        *,
        attributes: Mapping[str, AttributeValue] | None = None,
        span: bool = True,
    ) -> None:
        self._lock: ThreadLock = threading.Lock() if lock is None else lock
        if not callable(getattr(self._lock, "acquire", None)) or not callable(
            getattr(self._lock, "release", None)
        ):
            raise UsageError(f"MeasuredLock measures a lock or semaphore of threading, got {lock!r}")
        if hasattr(self._lock, "_get_loop"):
            raise UsageError(f"{lock!r} is asyncio's; measure it with MeasuredAsyncLock")
        self._is_exclusive = isinstance(self._lock, _EXCLUSIVE)
        self._is_reentrant = isinstance(self._lock, _RLOCK)
        self._series = LockSeries(component, operation, attributes=attributes, span=span)

    @property
    def waiting(self) -> int:
        """How many threads wait to get in."""
        return self._series.waiting

    @property
    def refused(self) -> int:
        """How many tries did not get in: they would not wait, or gave up in time."""
        return self._series.refused

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Get in, waiting as the arguments say; tell whether that came about."""
        series = self._series
        holder = self._holder()
        if self._is_reentrant and series.depth_of(holder):
            self._lock.acquire()
            series.note_in(holder)
            return True
        asked_ns = active.clock()
        if self._lock.acquire(blocking=False):
            if self._is_reentrant or active.append is not None:
                series.note_in(holder)
                series.uncontended.note(asked_ns, active.clock())
            return True
        if not blocking:
            series.note_refused()
            return False
        call = series.begin_wait(asked_ns)
        try:
            is_in = self._lock.acquire() if timeout is None else self._lock.acquire(timeout=timeout)
        except BaseException as error:
            series.end_wait(call, outcome_of(error), error)
            raise
        if is_in:
            series.note_in(holder)
        series.end_wait(call, Outcome.OK if is_in else Outcome.TIMED_OUT)
        return is_in

    def release(self) -> None:
        """Leave.

        Raises:
            RuntimeError: As the lock itself does.
        """
        if not self._series.is_held:  # nothing was recorded when it was taken
            self._lock.release()
            return
        left_ns = active.clock()
        self._lock.release()
        holder = self._holder()
        since_ns = self._series.take_out(holder)
        if since_ns is not None and not (self._is_reentrant and self._series.depth_of(holder)):
            self._series.hold.note(since_ns, left_ns)

    def locked(self) -> bool:
        """Tell whether somebody is in, for locks that know it."""
        locked = getattr(self._lock, "locked", None)
        if locked is None:
            raise AttributeError(f"{type(self._lock).__name__} does not know whether it is locked")
        return bool(locked())

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _holder(self) -> Hashable:
        return ANYONE if self._is_exclusive else threading.get_ident()
