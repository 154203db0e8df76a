"""Measured queues between threads: drop-in for `queue.Queue`, `LifoQueue`, `PriorityQueue`, `SimpleQueue`.

frames = MeasuredQueue("capture", "frame", maxsize=100, on_full="drop_oldest")
frames.put(frame)                 # keeps the context: trace, baggage, deadline

with frames.work() as frame:      # enters it; capture.frame.wait ends here
    ...                           # capture.frame; task_done() at the end
"""

import heapq
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

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

__all__ = ["MeasuredLifoQueue", "MeasuredPriorityQueue", "MeasuredQueue", "MeasuredSimpleQueue"]

T = TypeVar("T")


class _OfThisThread(threading.local):
    """What one thread does with a queue just now: it took this item, or it shuts the queue down."""

    handed: tuple[Ticket, int] | None = None
    shutting_down = False


class MeasuredQueue(queue.Queue[T]):
    """A `queue.Queue` that measures how long items wait, and carries their context.

    Args:
        component: The part of the program whose work waits here.
        operation: The work; its wait is the series `operation.wait` (see `QueueSeries`).
        maxsize: As for `queue.Queue`; 0 has no end.
        on_full: What putting into a full queue does: "wait", "drop_oldest" or "drop_newest".
        attributes: Fixed attributes of the series.
        span: False makes no spans.

    * `put`, `get`, `join`, `task_done` and `shutdown` do what those of `queue.Queue` do.
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
        self._here = _OfThisThread()

    @property
    def dropped(self) -> int:
        """How many items were given up, by policy or by an immediate shutdown."""
        return self._series.dropped

    @property
    def refused(self) -> int:
        """How many items found no room and went back by `queue.Full`."""
        return self._series.refused

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Put an item in; wait for room as the arguments say, or drop as the policy says.

        Raises:
            queue.Full: There is no room (in time) and the policy is to wait; the item counts as refused.
        """
        if self._on_full != "wait":
            self._put_or_drop(item)
            return
        asked_ns = active.clock() if self.maxsize > 0 and block else None
        outcome = Outcome.OK
        try:
            super().put(item, block, timeout)
        except queue.Full:
            outcome = Outcome.TIMED_OUT
            self._series.note_refused()
            raise
        finally:
            if asked_ns is not None:
                self._series.put.note(asked_ns, active.clock(), outcome=outcome)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Return an item; wait for it as the arguments say.

        Raises:
            queue.Empty: There is none (in time).
        """
        return self.take(block, timeout).item

    def take(self, block: bool = True, timeout: float | None = None) -> TakenItem[T]:
        """Return an item with its context; wait for it as `get` does.

        Raises:
            queue.Empty: There is none (in time).
        """
        item = super().get(block, timeout)
        handed, self._here.handed = self._here.handed, None
        assert handed is not None  # noqa: S101  # `_get` has just taken an item, in this thread
        ticket, taken_ns = handed
        self._series.note_taken(ticket, taken_ns)
        return TakenItem(item, ticket, taken_ns, self._series, self.task_done)

    @contextmanager
    def work(self, timeout: float | None = None) -> Iterator[T]:
        """Wait for an item, enter its context, measure the block as its work, and call `task_done`.

        Raises:
            queue.Empty: None came within `timeout` seconds.
        """
        with self.take(timeout=timeout) as item:
            yield item

    def shutdown(self, immediate: bool = False) -> None:
        """Shut the queue down (Python 3.13); items that are thrown away by it count as dropped."""
        self._here.shutting_down = True
        try:
            super().shutdown(immediate)  # type: ignore[misc]  # absent before Python 3.13: AttributeError, as there
        finally:
            self._here.shutting_down = False

    def _put(self, item: T) -> None:
        super()._put(QueuedItem(item, Ticket()))  # type: ignore[arg-type]  # the queue holds envelopes inside

    def _get(self) -> T:
        queued: QueuedItem[T] = super()._get()  # type: ignore[assignment]  # as above
        if self._here.shutting_down:
            self._series.note_dropped(queued.ticket)
        else:
            # The queue's lock is held: the span of the wait is made after it was released.
            self._here.handed = (queued.ticket, active.clock())
        return queued.item

    def _put_or_drop(self, item: T) -> None:
        while True:
            try:
                super().put(item, block=False)
            except queue.Full:
                if self._on_full == "drop_newest":
                    self._series.note_dropped()
                    return
                self._drop_oldest_if_full()
            else:
                return

    def _drop_oldest_if_full(self) -> None:
        with self.mutex:
            if self._qsize() < self.maxsize:  # another thread took one in the meantime
                return
            waiting: Any = self.queue
            place = index_of_oldest(waiting)
            queued = waiting[place]
            del waiting[place]
            self._restore_order(waiting)
            # Not `task_done`: the item that comes in its place must not let `join` return in between.
            self.unfinished_tasks -= 1
        self._series.note_dropped(queued.ticket)

    def _restore_order(self, waiting: Any) -> None:
        """Put in order what remains after an item was dropped; first-in-first-out stays in order."""


class MeasuredLifoQueue(MeasuredQueue[T], queue.LifoQueue[T]):
    """A measured `queue.LifoQueue`; see `MeasuredQueue`."""


class MeasuredPriorityQueue(MeasuredQueue[T], queue.PriorityQueue[T]):  # type: ignore[type-var]  # T must sort
    """A measured `queue.PriorityQueue`: the least item comes first; see `MeasuredQueue`."""

    def _restore_order(self, waiting: Any) -> None:
        heapq.heapify(waiting)


class MeasuredSimpleQueue(queue.SimpleQueue[T]):
    """A measured `queue.SimpleQueue`: never full, no `join`, and putting is safe in signals and finalizers.

    See `MeasuredQueue` for its arguments.
    """

    def __init__(
        self,
        component: str,
        operation: str,
        *,
        attributes: Mapping[str, AttributeValue] | None = None,
        span: bool = True,
    ) -> None:
        self._series = QueueSeries(
            component, operation, attributes=attributes, span=span, depth=weak_depth(self)
        )

    def __new__(cls, *_: object, **__: object) -> "MeasuredSimpleQueue[T]":
        """Make the queue; what is measured is for `__init__`."""
        return super().__new__(cls)

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Put an item in."""
        super().put(QueuedItem(item, Ticket()), block, timeout)  # type: ignore[arg-type]  # the queue holds envelopes inside

    def put_nowait(self, item: T) -> None:
        """Put an item in."""
        self.put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Return an item; wait for it as the arguments say.

        Raises:
            queue.Empty: There is none (in time).
        """
        return self.take(block, timeout).item

    def get_nowait(self) -> T:
        """Return an item without waiting."""
        return self.take(block=False).item

    def take(self, block: bool = True, timeout: float | None = None) -> TakenItem[T]:
        """Return an item with its context; wait for it as `get` does.

        Raises:
            queue.Empty: There is none (in time).
        """
        queued: QueuedItem[T] = super().get(block, timeout)  # type: ignore[assignment]  # as above
        taken_ns = active.clock()
        self._series.note_taken(queued.ticket, taken_ns)
        return TakenItem(queued.item, queued.ticket, taken_ns, self._series, done=None)

    @contextmanager
    def work(self, timeout: float | None = None) -> Iterator[T]:
        """Wait for an item, enter its context and measure the block as its work.

        Raises:
            queue.Empty: None came within `timeout` seconds.
        """
        with self.take(timeout=timeout) as item:
            yield item
