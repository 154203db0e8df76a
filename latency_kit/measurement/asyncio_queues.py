"""Measured queues between asyncio tasks: drop-in for `asyncio.Queue`, `LifoQueue` and `PriorityQueue`.

questions = MeasuredAsyncQueue("answering", "question", maxsize=8, on_full="drop_oldest")
await questions.put(question)                 # keeps the context: trace, baggage, deadline

async with questions.work() as question:      # enters it; answering.question.wait ends here
    ...                                       # answering.question; task_done() at the end
"""

import asyncio
import heapq
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Generic, TypeVar

from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.measured_queue import (
    OnFull,
    QueuedItem,
    QueueSeries,
    TakenItem,
    Ticket,
    checked_on_full,
    index_of_oldest,
    weak_depth,
)
from latency_kit.measurement.measurement import AttributeValue, Outcome

__all__ = ["MeasuredAsyncLifoQueue", "MeasuredAsyncPriorityQueue", "MeasuredAsyncQueue"]

T = TypeVar("T")


class MeasuredAsyncQueue(asyncio.Queue[T]):
    """An `asyncio.Queue` that measures how long items wait, and carries their context.

    Args:
        component: The part of the program whose work waits here.
        operation: The work; its wait is the series `operation.wait` (see `QueueSeries`).
        maxsize: As for `asyncio.Queue`; 0 has no end.
        on_full: What putting into a full queue does: "wait", "drop_oldest" or "drop_newest".
        attributes: Fixed attributes of the series.
        span: False makes no spans.

    * `put`, `get`, `join`, `task_done` and `shutdown` do what those of `asyncio.Queue` do.
    * An item that is dropped counts as done, so that `join` does not wait for it.
    * `get` gives the item alone; `take` and `work` give it with its context.

    Raises:
        UsageError: A name, an attribute, `maxsize` or `on_full` is unfit.
    """

    def __init__(
        self,
        component: str,
        operation: str,
        maxsize: int = 0,
        *,
        on_full: OnFull = "wait",
        attributes: Mapping[str, AttributeValue] | None = None,
        span: bool = True,
    ) -> None:
        if not isinstance(maxsize, int):
            raise UsageError(f"maxsize must be a whole number, got {maxsize!r}")
        super().__init__(maxsize)
        self._on_full = checked_on_full(on_full, maxsize)
        self._series = QueueSeries(
            component, operation, attributes=attributes, span=span, depth=weak_depth(self)
        )
        self._handed: tuple[Ticket, int] | None = None
        self._shutting_down = False

    @property
    def dropped(self) -> int:
        """How many items were given up, by policy or by an immediate shutdown."""
        return self._series.dropped

    @property
    def refused(self) -> int:
        """How many items found no room and went back by `asyncio.QueueFull`."""
        return self._series.refused

    async def put(self, item: T) -> None:
        """Put an item in; wait for room, or drop as the policy says."""
        if self._on_full != "wait":
            self.put_nowait(item)
            return
        if self.maxsize <= 0:
            await super().put(item)
            return
        asked_ns = active.clock()
        outcome = Outcome.CANCELLED
        try:
            await super().put(item)
            outcome = Outcome.OK
        finally:
            self._series.put.note(asked_ns, active.clock(), outcome=outcome)

    def put_nowait(self, item: T) -> None:
        """Put an item in without waiting.

        Raises:
            asyncio.QueueFull: There is no room and the policy is to wait; the item counts as refused.
        """
        if self.full() and not getattr(self, "_is_shutdown", False):
            if self._on_full == "drop_newest":
                self._series.note_dropped()
                return
            if self._on_full == "drop_oldest":
                self._drop_oldest()
        try:
            super().put_nowait(item)
        except asyncio.QueueFull:
            self._series.note_refused()
            raise

    async def take(self) -> TakenItem[T]:
        """Wait for an item and return it with its context."""
        return self._taken(await self.get())

    def take_nowait(self) -> TakenItem[T]:
        """Return an item with its context.

        Raises:
            asyncio.QueueEmpty: There is none.
        """
        return self._taken(self.get_nowait())

    def work(self) -> "_Work[T]":
        """Wait for an item, enter its context, measure the block as its work, and call `task_done`."""
        return _Work(self)

    def shutdown(self, immediate: bool = False) -> None:
        """Shut the queue down (Python 3.13); items that are thrown away by it count as dropped."""
        self._shutting_down = True
        try:
            super().shutdown(immediate)  # type: ignore[misc]  # absent before Python 3.13: AttributeError, as there
        finally:
            self._shutting_down = False

    def _put(self, item: T) -> None:
        super()._put(QueuedItem(item, Ticket()))  # type: ignore[arg-type]  # the queue holds envelopes inside

    def _get(self) -> T:
        queued: QueuedItem[T] = super()._get()  # type: ignore[assignment]  # as above
        if self._shutting_down:
            self._series.note_dropped(queued.ticket)
        else:
            taken_ns = active.clock()
            self._series.note_taken(queued.ticket, taken_ns)
            self._handed = (queued.ticket, taken_ns)
        return queued.item

    def _taken(self, item: T) -> TakenItem[T]:
        # No other task runs between `_get` and here: a coroutine that returns does not go through the loop.
        assert self._handed is not None  # noqa: S101  # `get` has just returned an item
        ticket, taken_ns = self._handed
        self._handed = None
        return TakenItem(item, ticket, taken_ns, self._series, self.task_done)

    def _drop_oldest(self) -> None:
        waiting: Any = self._queue  # type: ignore[attr-defined]  # a deque or a list, as the order wants it
        place = index_of_oldest(waiting)
        queued = waiting[place]
        del waiting[place]
        self._restore_order(waiting)
        self._series.note_dropped(queued.ticket)
        # Not `task_done`: the item that comes in its place must not let `join` return in between.
        self._unfinished_tasks: int
        self._unfinished_tasks -= 1

    def _restore_order(self, waiting: Any) -> None:
        """Put in order what remains after an item was dropped; first-in-first-out stays in order."""


class MeasuredAsyncLifoQueue(MeasuredAsyncQueue[T], asyncio.LifoQueue[T]):
    """A measured `asyncio.LifoQueue`; see `MeasuredAsyncQueue`."""


class MeasuredAsyncPriorityQueue(MeasuredAsyncQueue[T], asyncio.PriorityQueue[T]):  # type: ignore[type-var]  # T must sort, as there
    """A measured `asyncio.PriorityQueue`: the least item comes first; see `MeasuredAsyncQueue`."""

    def _restore_order(self, waiting: Any) -> None:
        heapq.heapify(waiting)


class _Work(Generic[T]):
    """The block of `MeasuredAsyncQueue.work`."""

    __slots__ = ("_queue", "_taken")

    def __init__(self, queue: MeasuredAsyncQueue[T]) -> None:
        self._queue = queue
        self._taken: TakenItem[T] | None = None

    async def __aenter__(self) -> T:
        if self._taken is not None:
            raise UsageError("this work() is already a block; call work() anew for each item")
        self._taken = await self._queue.take()
        return self._taken.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        taken = self._taken
        assert taken is not None  # noqa: S101  # the block was entered
        taken.__exit__(kind, error, traceback)
