"""What measured locks of threads and of tasks share: their series, who holds them since when, their counts.

The locks themselves live in `thread_locks` and `asyncio_locks`.
"""

import threading
from collections.abc import Hashable, Iterable, Mapping

from latency_kit.measurement.active import active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.duration_series import DurationSeries
from latency_kit.measurement.measurement import AttributeValue, Outcome
from latency_kit.measurement.open_call import OpenCall, open_call
from latency_kit.measurement.readings import Reading, register

__all__ = ["LockSeries"]

ANYONE = "anyone"
"""Stands for the one holder of an exclusive lock, which any thread or task may release."""


class LockSeries:
    """The series and counts of one lock `component.operation`.

    * `x.wait`: from asking to getting in. Every wait is in the histogram; only one that found the lock taken
      is a measurement with a span.
    * `x.hold`: from getting in to leaving. A permit of a semaphore that is given back by another thread or
      task than took it has no hold time: which one it was cannot be told.
    * `refused` counts those who would not wait and did not get in, and those who gave up waiting in time.
    """

    __slots__ = ("__weakref__", "_held", "_lock", "contended", "hold", "refused", "uncontended", "waiting")

    def __init__(
        self, component: str, operation: str, *, attributes: Mapping[str, AttributeValue] | None, span: bool
    ) -> None:
        named = CallSite(component, operation, attributes)
        self.contended = CallSite(component, f"{operation}.wait", attributes, makes_span=span)
        self.uncontended = DurationSeries.part_of(named, "wait")
        self.hold = DurationSeries.part_of(named, "hold")
        self.waiting = 0
        self.refused = 0
        self._held: dict[Hashable, list[int]] = {}
        self._lock = threading.Lock()
        register(self)

    def begin_wait(self, asked_ns: int) -> OpenCall | None:
        """Note that somebody begins to wait."""
        call = open_call(self.contended, start_ns=asked_ns)
        with self._lock:
            self.waiting += 1
        return call

    def end_wait(self, call: OpenCall | None, outcome: Outcome, error: BaseException | None = None) -> None:
        """Note that somebody waits no more."""
        if call is not None:
            call.end(outcome, error)
        with self._lock:
            self.waiting -= 1
            self.refused += outcome is Outcome.TIMED_OUT

    def note_refused(self) -> None:
        """Count somebody who would not wait."""
        with self._lock:
            self.refused += 1

    def note_in(self, holder: Hashable) -> None:
        """Note that `holder` has got in now."""
        self._held.setdefault(holder, []).append(active.clock())

    @property
    def is_held(self) -> bool:
        """Whether anybody who was noted is in."""
        return bool(self._held)

    def depth_of(self, holder: Hashable) -> int:
        """Return how many times `holder` is in."""
        return len(self._held.get(holder, ()))

    def take_out(self, holder: Hashable) -> int | None:
        """Forget one stay of `holder` and return since when it was in; None where it cannot be told."""
        stays = self._held.get(holder)
        if stays:
            since_ns = stays.pop()
            if not stays:
                self._held.pop(holder, None)
            return since_ns
        # Somebody else's: what is noted stays bounded by the permits that are out.
        with self._lock:
            for other in list(self._held):
                others = self._held.get(other)
                if others:
                    others.pop()
                    if not others:
                        self._held.pop(other, None)
                    break
        return None

    def readings(self) -> Iterable[Reading]:
        """Return how many wait now and how many were refused."""
        whose: dict[str, AttributeValue] = {
            **self.contended.attributes,
            "latency.component": self.contended.component,
            "latency.operation": self.contended.operation.removesuffix(".wait"),
        }
        yield Reading(
            name="latency.lock.waiting",
            unit="{waiter}",
            description="Threads or tasks that wait to get in.",
            value=self.waiting,
            attributes=whose,
        )
        yield Reading(
            name="latency.lock.refused",
            unit="{waiter}",
            description="Threads or tasks that would not wait, or gave up waiting in time.",
            value=self.refused,
            is_total=True,
            attributes=whose,
        )
