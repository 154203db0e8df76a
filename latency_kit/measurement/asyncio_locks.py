"""Measured locks between asyncio tasks: the wait to get in, and how long those stay who got in.

calls = MeasuredAsyncLock("llm", "slot", asyncio.Semaphore(2))
async with calls:          # llm.slot.wait
    await generate()       # llm.slot.hold
"""

import asyncio
from collections.abc import Hashable, Mapping
from types import TracebackType

from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.measured_lock import ANYONE, LockSeries
from latency_kit.measurement.measurement import AttributeValue, Outcome
from latency_kit.measurement.outcomes import outcome_of

__all__ = ["MeasuredAsyncLock"]


class MeasuredAsyncLock:
    """A lock or semaphore of asyncio that measures who waits for it and who holds it; see `LockSeries`.

    Args:
        component: The part of the program whose resource this is.
        operation: The resource.
        lock: `asyncio.Lock`, `Semaphore` or `BoundedSemaphore`; a new `asyncio.Lock` by default.
        attributes: Fixed attributes of the series.
        span: False makes no spans of waits.

    * `acquire`, `release`, `locked` and `async with` do what those of the lock do.
    * A task that is cancelled while it waits has waited in vain: its wait counts as cancelled.

    Raises:
        UsageError: A name or an attribute is unfit, or `lock` is none of asyncio's.
    """

    __slots__ = ("_is_exclusive", "_lock", "_series")

    def __init__(
        self,
        component: str,
        operation: str,
        lock: asyncio.Lock | asyncio.Semaphore | None = None,
        *,
        attributes: Mapping[str, AttributeValue] | None = None,
        span: bool = True,
    ) -> None:
        self._lock = asyncio.Lock() if lock is None else lock
        if not isinstance(self._lock, asyncio.Lock | asyncio.Semaphore):
            raise UsageError(f"MeasuredAsyncLock measures a lock or semaphore of asyncio, got {lock!r}")
        self._is_exclusive = isinstance(self._lock, asyncio.Lock)
        self._series = LockSeries(component, operation, attributes=attributes, span=span)

    @property
    def waiting(self) -> int:
        """How many tasks wait to get in."""
        return self._series.waiting

    async def acquire(self) -> bool:
        """Get in; wait for it where need be."""
        series = self._series
        holder = self._holder()
        asked_ns = active.clock()
        if not self._lock.locked():
            await self._lock.acquire()
            if active.append is not None:
                series.note_in(holder)
                series.uncontended.note(asked_ns, active.clock())
            return True
        call = series.begin_wait(asked_ns)
        try:
            await self._lock.acquire()
        except BaseException as error:
            series.end_wait(call, outcome_of(error), error)
            raise
        series.note_in(holder)
        series.end_wait(call, Outcome.OK)
        return True

    def release(self) -> None:
        """Leave.

        Raises:
            RuntimeError: An `asyncio.Lock` is released that is not taken.
            ValueError: An `asyncio.BoundedSemaphore` is released too often.
        """
        if not self._series.is_held:  # nothing was recorded when it was taken
            self._lock.release()
            return
        left_ns = active.clock()
        self._lock.release()
        since_ns = self._series.take_out(self._holder())
        if since_ns is not None:
            self._series.hold.note(since_ns, left_ns)

    def locked(self) -> bool:
        """Tell whether who asks now has to wait."""
        return self._lock.locked()

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _holder(self) -> Hashable:
        return ANYONE if self._is_exclusive else asyncio.current_task()
