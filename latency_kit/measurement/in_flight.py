"""Calls in flight: what has begun and not ended, so that a call that never returns can be seen.

    latency_kit.configure(in_flight=True)
    for call in latency_kit.in_flight():        # oldest first
        print(call.name, call.age_ns, call.running_in)

Following calls costs some microseconds each, so it is done only when asked. While it is, calls take the
ordinary way through `open_call`; call sites with `span=False` on plain functions stay out of it.
"""

import os
import sys
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latency_kit.measurement.active import active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.open_call import OpenCall
from latency_kit.measurement.pauses import mark_delays
from latency_kit.measurement.readings import Reading, register, unregister
from latency_kit.units import NS_PER_S

if TYPE_CHECKING:
    import asyncio

    from opentelemetry.trace import Span

    from latency_kit.measurement.active import FastSpans
    from latency_kit.measurement.spans import SpanMaker

__all__ = ["CallInFlight", "FollowedCall", "follow_calls", "followed_calls", "in_flight"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInFlight:
    """A call that had begun and not ended when it was asked for.

    Attributes:
        component: The part of the program.
        operation: What it does.
        start_ns: Its start on the monotonic clock.
        age_ns: How long it has taken so far.
        running_in: Name of the asyncio task, or of the thread, in which it began.
        trace_id: Of its span, 0 < id < 2**128, where it has one.
    """

    component: str
    operation: str
    start_ns: int
    age_ns: int
    running_in: str
    trace_id: int | None = None

    @property
    def name(self) -> str:
        """`component.operation`."""
        return f"{self.component}.{self.operation}"


_calls: "weakref.WeakValueDictionary[int, FollowedCall]" = weakref.WeakValueDictionary()


class FollowedCall(OpenCall):
    """An open call that is listed until it ends.

    * It is listed weakly: a call that is thrown away without an end is no longer in flight.
    * Pauses that the probes noted are told by its attributes (`mark_delays`).
    """

    __slots__ = ("__weakref__", "_task", "running_in", "thread_id")

    def __init__(self, site: CallSite, start_ns: int, maker: "SpanMaker | None", span: "Span | None") -> None:
        super().__init__(site, start_ns, maker, span)
        task = _current_task()
        self._task = None if task is None else weakref.ref(task)
        self.running_in = threading.current_thread().name if task is None else str(task.get_name())
        self.thread_id = threading.get_ident()
        _calls[id(self)] = self

    @property
    def task(self) -> "asyncio.Task[Any] | None":
        """The asyncio task in which it began; None where it began in none, or the task is gone."""
        return None if self._task is None else self._task()

    def end(
        self,
        outcome: Outcome = Outcome.OK,
        error: BaseException | str | None = None,
        *,
        at_ns: int | None = None,
    ) -> None:
        """End the call; it is no longer listed, and it tells what pauses of the runtime delayed it."""
        end_ns = active.clock() if at_ns is None else at_ns
        _calls.pop(id(self), None)
        if not self.ended:
            mark_delays(self, end_ns)
        super().end(outcome, error, at_ns=end_ns)


class _Figures:
    """Count and greatest age, to be read."""

    __slots__ = ("__weakref__",)

    def readings(self) -> Iterable[Reading]:
        """Return how many calls are in flight, and the age of the oldest."""
        calls = in_flight()
        yield Reading(
            name="latency.calls.in_flight",
            unit="{call}",
            description="Calls that have begun and not ended.",
            value=len(calls),
        )
        if calls:
            yield Reading(
                name="latency.calls.oldest_age",
                unit="s",
                description="How long the oldest call in flight has taken so far.",
                value=calls[0].age_ns / NS_PER_S,
                together="max",
            )


_figures = _Figures()
_asked = 0
_put_aside: "tuple[SpanMaker | None, FastSpans | None] | None" = None


def in_flight() -> tuple[CallInFlight, ...]:
    """Return the calls that have begun and not ended, oldest first; empty where calls are not followed."""
    now_ns = active.clock()
    calls = [
        CallInFlight(
            component=call.site.component,
            operation=call.site.operation,
            start_ns=call.start_ns,
            age_ns=max(now_ns - call.start_ns, 0),
            running_in=call.running_in,
            trace_id=_trace_id(call),
        )
        for call in followed_calls()
    ]
    return tuple(sorted(calls, key=lambda call: call.start_ns))


def followed_calls() -> tuple[FollowedCall, ...]:
    """Return the calls in flight themselves, in no order, for those who look into them while they run."""
    # One step for other threads, which begin and end calls meanwhile; a loop over `values()` is not.
    calls = (reference() for reference in _calls.valuerefs())
    return tuple(call for call in calls if call is not None)


def follow_calls(*, on: bool) -> None:
    """Follow the calls that begin from now on; `on=False` takes back one `on=True`.

    Calls are followed until everybody who asked for it has taken it back.
    """
    global _asked, _put_aside  # noqa: PLW0603  # with `active`, the state of the process
    _asked = max(_asked + (1 if on else -1), 0)
    if not _asked:
        active.call_class = None
        unregister(_figures)
        _calls.clear()
        if _put_aside is not None and _put_aside[0] is active.span_maker:
            active.fast = _put_aside[1]
        _put_aside = None
    elif active.call_class is None:
        active.call_class = FollowedCall
        # Call sites that make their spans by themselves would not be seen.
        _put_aside = (active.span_maker, active.fast)
        active.fast = None
        register(_figures)


def _current_task() -> "asyncio.Task[Any] | None":
    module = sys.modules.get("asyncio")
    if module is None:
        return None
    try:
        task: asyncio.Task[Any] | None = module.current_task()
    except RuntimeError:  # no loop runs in this thread
        return None
    return task


def _trace_id(call: OpenCall) -> int | None:
    if call.span is None:
        return None
    span_context = call.span.get_span_context()
    return span_context.trace_id if span_context.is_valid else None


if hasattr(os, "register_at_fork"):
    # What other threads of the parent had begun does not go on in the child.
    os.register_at_fork(after_in_child=_calls.clear)
