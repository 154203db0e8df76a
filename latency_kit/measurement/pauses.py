"""Pauses of the runtime, and the calls that they delayed. What finds the pauses lives in `probes`.

A pause is noted by whoever finds it, at any moment: the garbage collector may run while any lock is held.
So nothing is done about it there; a followed call (`in_flight`) looks at its end for the pauses that it
overlaps.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latency_kit.measurement.active import active

if TYPE_CHECKING:
    from latency_kit.measurement.in_flight import FollowedCall

__all__ = ["NotedPause", "Pause", "mark_delays", "note_pause", "recent_pauses"]

MAX_PAUSES = 64
"""Pauses that are kept; a call that is older than all of them is told of those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A time in which the runtime kept calls from going on.

    Attributes:
        name: What it was: "garbage_collector.generation_2" or "event_loop.lag".
        start_ns: When it began, on the monotonic clock.
        duration_ns: How long it took, so far where it has not ended.
        is_over: Whether it has ended.
        task: Name of the asyncio task that blocked its event loop, where it is known.
        where: The line that blocked, where it is known.
    """

    name: str
    start_ns: int
    duration_ns: int
    is_over: bool = True
    task: str | None = None
    where: str | None = None


class NotedPause:
    """A pause while it is followed; only its probe writes to it.

    Attributes:
        name: As of `Pause`.
        begun_ns: When it began.
        ended_ns: When it ended, None until then.
        thread_id: The thread that stood still; None where all did.
        task: As of `Pause`.
        where: As of `Pause`.
    """

    __slots__ = ("begun_ns", "ended_ns", "name", "task", "thread_id", "where")

    def __init__(
        self,
        name: str,
        begun_ns: int,
        ended_ns: int | None = None,
        *,
        thread_id: int | None = None,
        task: str | None = None,
        where: str | None = None,
    ) -> None:
        self.name = name
        self.begun_ns = begun_ns
        self.ended_ns = ended_ns
        self.thread_id = thread_id
        self.task = task
        self.where = where


_recent: deque[NotedPause] = deque(maxlen=MAX_PAUSES)


def note_pause(pause: NotedPause) -> None:
    """Keep a pause, whether or not it has ended; takes no lock and never raises."""
    _recent.append(pause)


def recent_pauses() -> tuple[Pause, ...]:
    """Return the latest pauses that the probes found, oldest first."""
    now_ns = active.clock()
    return tuple(
        Pause(
            name=one.name,
            start_ns=one.begun_ns,
            duration_ns=(now_ns if one.ended_ns is None else one.ended_ns) - one.begun_ns,
            is_over=one.ended_ns is not None,
            task=one.task,
            where=one.where,
        )
        for one in _copied()
    )


def forget_pauses() -> None:
    """Forget all pauses."""
    _recent.clear()


def mark_delays(call: "FollowedCall", end_ns: int) -> None:
    """Give a call that ends its attributes of the pauses that it overlaps.

    `latency.delayed_by` names them, with the line that blocked where it is known; `latency.delayed_ns` is
    how much of the call they took, overlaps counted once. The call that itself blocked its event loop is
    not delayed by that: it gets `latency.blocked_event_loop_ns`.
    """
    if not _recent:
        return
    delays: list[tuple[int, int]] = []
    blocked: list[tuple[int, int]] = []
    names: dict[str, None] = {}
    for pause in _copied():
        begun_ns = max(pause.begun_ns, call.start_ns)
        ended_ns = end_ns if pause.ended_ns is None else min(pause.ended_ns, end_ns)
        if ended_ns <= begun_ns or pause.thread_id not in {None, call.thread_id}:
            continue
        if pause.task is not None and pause.task == call.running_in:
            blocked.append((begun_ns, ended_ns))
        else:
            delays.append((begun_ns, ended_ns))
            names[pause.name if pause.where is None else f"{pause.name}: {pause.where}"] = None
    if delays:
        call.set_attribute("latency.delayed_by", tuple(names))
        call.set_attribute("latency.delayed_ns", _covered_ns(delays))
    if blocked:
        call.set_attribute("latency.blocked_event_loop_ns", _covered_ns(blocked))


def _copied() -> list[NotedPause]:
    while True:
        try:
            return list(_recent)
        except RuntimeError:  # another thread noted a pause in the middle of it
            continue


def _covered_ns(intervals: Iterable[tuple[int, int]]) -> int:
    covered_ns = until_ns = 0
    for begun_ns, ended_ns in sorted(intervals):
        covered_ns += max(ended_ns - max(begun_ns, until_ns), 0)
        until_ns = max(until_ns, ended_ns)
    return covered_ns
