"""What measured queues of every kind share: the item's envelope, its series, its counts and its context.

The queues themselves live in `asyncio_queues` and `thread_queues`.
"""

import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextvars import Token
from types import TracebackType
from typing import Any, Generic, Literal, Protocol, TypeVar

from opentelemetry import context as context_api
from opentelemetry.context import Context

from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.context import leave_context
from latency_kit.measurement.duration_series import DurationSeries
from latency_kit.measurement.measurement import AttributeValue, Outcome
from latency_kit.measurement.open_call import OpenCall, open_call
from latency_kit.measurement.readings import Reading, register
from latency_kit.measurement.span_links import current_span_context, link_to

__all__ = [
    "OnFull",
    "QueueSeries",
    "QueuedItem",
    "TakenItem",
    "Ticket",
    "checked_on_full",
    "index_of_oldest",
    "weak_depth",
]

T = TypeVar("T")

OnFull = Literal["wait", "drop_oldest", "drop_newest"]
"""What putting into a full queue does: wait (and refuse where it may not wait, as the standard library's
queues), drop the item that has waited longest, or drop the item that was to be put."""

_ON_FULL = ("wait", "drop_oldest", "drop_newest")


class Ticket:
    """How an item came: when it was put, and in which context (trace, baggage, deadline)."""

    __slots__ = ("context", "put_ns")

    def __init__(self) -> None:
        self.context = context_api.get_current()
        self.put_ns = active.clock()


class QueuedItem(Generic[T]):
    """An item with its ticket, as it stands in the queue; it sorts as the item does."""

    __slots__ = ("item", "ticket")

    def __init__(self, item: T, ticket: Ticket) -> None:
        self.item = item
        self.ticket = ticket

    def __lt__(self, other: "QueuedItem[Any]") -> bool:
        return bool(self.item < other.item)


class QueueSeries:
    """The series and counts of one queue `component.operation`.

    * `x.wait`: from the moment an item was in the queue until it was taken; one span each, a child of its
      producer's. Items dropped from the queue stand in the same series under the outcome "dropped".
    * `x.put`: how long the producer waited for room; only of bounded queues that let it wait.
    * `x`: the time in which the item was worked on (service time), never mixed with the wait.
    * `dropped` counts items given up by policy or by a shutdown, `refused` items that found no room and
      went back to their producer by an exception.
    """

    __slots__ = ("__weakref__", "_depth", "_lock", "dropped", "put", "refused", "service", "wait")

    def __init__(
        self,
        component: str,
        operation: str,
        *,
        attributes: Mapping[str, AttributeValue] | None,
        span: bool,
        depth: Callable[[], int],
    ) -> None:
        self.service = CallSite(component, operation, attributes, makes_span=span)
        self.wait = CallSite(component, f"{operation}.wait", attributes, makes_span=span)
        self.put = DurationSeries.part_of(self.service, "put")
        self.dropped = 0
        self.refused = 0
        self._depth = depth
        self._lock = threading.Lock()
        register(self)

    def note_taken(self, ticket: Ticket, taken_ns: int) -> None:
        """Record that an item was taken."""
        call = open_call(self.wait, context=ticket.context, start_ns=ticket.put_ns)
        if call is not None:
            call.end(at_ns=taken_ns)

    def note_dropped(self, ticket: Ticket | None = None) -> None:
        """Record that an item was dropped now, out of the queue or (without a ticket) before it was in."""
        with self._lock:
            self.dropped += 1
        ticket = Ticket() if ticket is None else ticket
        call = open_call(self.wait, context=ticket.context, start_ns=ticket.put_ns)
        if call is not None:
            call.end(Outcome.DROPPED)

    def note_refused(self) -> None:
        """Count that an item found no room."""
        with self._lock:
            self.refused += 1

    def readings(self) -> Iterable[Reading]:
        """Return depth, dropped and refused."""
        whose: dict[str, AttributeValue] = {
            **self.service.attributes,
            "latency.component": self.service.component,
            "latency.operation": self.service.operation,
        }
        yield Reading(
            name="latency.queue.depth",
            unit="{item}",
            description="Items that wait in the queue.",
            value=self._depth(),
            attributes=whose,
        )
        for name, value, what in (
            ("dropped", self.dropped, "Items given up by policy or shutdown."),
            ("refused", self.refused, "Items that found no room and went back to their producer."),
        ):
            yield Reading(
                name=f"latency.queue.{name}",
                unit="{item}",
                description=what,
                value=value,
                is_total=True,
                attributes=whose,
            )


class TakenItem(Generic[T]):
    """An item that was taken out, with the context it came in.

    As a `with` block it enters that context, measures the work as the queue's service time, and tells the
    queue that the task is done:

        taken = queue.take()
        with taken as item:
            answer(item)

    * The work's span is a child of the producer's; where the consumer works under a span of another trace,
      it is linked to that (OpenTelemetry's messaging conventions ask for one or the other).
    * The task is done once, when the block ends, whether or not it raised.
    """

    __slots__ = ("_call", "_done", "_series", "_token", "context", "item", "wait_ns")

    def __init__(
        self,
        item: T,
        ticket: Ticket,
        taken_ns: int,
        series: QueueSeries,
        done: Callable[[], None] | None,
    ) -> None:
        self.item = item
        self.context: Context = ticket.context
        self.wait_ns = taken_ns - ticket.put_ns
        self._series = series
        self._done = done
        self._call: OpenCall | None = None
        self._token: Token[Context] | None = None

    def __enter__(self) -> T:
        if self._token is not None:
            raise UsageError(
                f"this item of {self._series.service.name!r} is already being worked on; take another one"
            )
        consumer = current_span_context()
        self._token = context_api.attach(self.context)
        self._call = open_call(self._series.service)
        if self._call is not None:
            link_to(self._call, consumer)
            self._call.activate()
        return self.item

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.deactivate()
            if error is None:
                call.end()
            else:
                call.end_with(error)
        if self._token is not None:
            leave_context(self._token)
        done, self._done = self._done, None
        if done is not None:
            done()


def checked_on_full(given: str, maxsize: int) -> OnFull:
    """Return the policy that `given` names.

    Raises:
        UsageError: There is no such policy, or it needs a queue with an end.
    """
    for policy in _ON_FULL:
        if given == policy:
            if policy != "wait" and maxsize <= 0:
                raise UsageError(
                    f"on_full={given!r} needs a queue that can be full; give a maxsize from 1, got {maxsize}"
                )
            return policy  # type: ignore[return-value]  # one of the three, as mypy cannot see
    raise UsageError(f"on_full must be one of {', '.join(map(repr, _ON_FULL))}, got {given!r}")


class Sized(Protocol):
    """Any queue of the standard library."""

    def qsize(self) -> int:
        """Return how many items wait."""
        ...


def weak_depth(measured: Sized) -> Callable[[], int]:
    """Return what reads the depth of a queue without keeping the queue alive."""
    reference = weakref.ref(measured)

    def depth() -> int:
        alive = reference()
        return 0 if alive is None else alive.qsize()

    return depth


def index_of_oldest(waiting: Iterable[QueuedItem[Any]]) -> int:
    """Return the place of the item that has waited longest, in queues of any order."""
    return min(enumerate(waiting), key=lambda placed: placed[1].ticket.put_ns)[0]
