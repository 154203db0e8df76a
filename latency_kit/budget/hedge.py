"""`hedge(...)`: a second attempt where the first takes unusually long, and the first answer of both.

How many calls may be hedged is `hedge_limit`'s.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, TypeVar

from latency_kit.budget.deadline import current_deadline
from latency_kit.budget.decisions import decisions
from latency_kit.budget.hedge_limit import HedgeLimit
from latency_kit.budget.model import DEFAULT_MIN_SAMPLES, DEFAULT_PERCENTILE
from latency_kit.budget.recent_latency import recent_latencies
from latency_kit.budget.rules import percentile_mistake
from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.call_site import CallSite, shared_call_site
from latency_kit.measurement.duration_series import DurationSeries
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.open_call import OpenCall, enter_call
from latency_kit.units import NS_PER_S, ms_to_ns

__all__ = ["hedge"]

T = TypeVar("T")

_MAX_LIMITS: Final = 1000

_limits: dict[tuple[str, str], HedgeLimit] = {}

_given_up: set[asyncio.Task[Any]] = set()
"""Cancelled attempts that have not ended; a loop keeps no reference of its own to its tasks."""


async def hedge(
    component: str,
    operation: str,
    first: Callable[[], Awaitable[T]],
    second: Callable[[], Awaitable[T]],
    *,
    percentile: float = DEFAULT_PERCENTILE,
    after_ms: float | None = None,
    min_samples: int = DEFAULT_MIN_SAMPLES,
    limit: HedgeLimit | None = None,
) -> T:
    """Return what `first` returns, or `second`, started where the first takes long, if that is quicker.

        answer = await latency_kit.hedge("search", "query", lambda: ask(near), lambda: ask(far))

    * The second starts once the first has run for longer than `percentile` percent of the recent first
      attempts did; not while too few are known, and not where no deadline's time is left by then.
    * The first success is returned and the other attempt cancelled, without waiting for it to end. A
      failure of one waits for the other; where both fail, the first one's exception is raised, with the
      second's as a note. A first attempt that fails alone is not repeated: hedging is not retrying.
    * When the caller is cancelled, both attempts are.
    * At most a share of the calls (5 % by default) is hedged.

    The call is measured as `component.operation`, its attempts as `.first` and `.second`, what the losing
    attempt cost as `.wasted`; the spans of both attempts are children of the call's and linked. What became
    of the calls is counted in `latency.hedge.calls`. Both attempts must be safe to run at once.

    Args:
        component: The part of the program.
        operation: What it does.
        first: Begins the first attempt.
        second: Begins the second one.
        percentile: Of the first attempts, when the second starts.
        after_ms: When the second starts, in milliseconds, instead.
        min_samples: With fewer recent first attempts nothing is hedged, unless `after_ms` is given.
        limit: How many calls may be hedged; by default one limit for each operation.

    Raises:
        UsageError: A name or a number is unfit.
    """
    mistake = percentile_mistake(percentile)
    if mistake is not None:
        raise UsageError(f"the percentile {mistake}")
    if after_ms is not None and not 0 <= after_ms < math.inf:
        raise UsageError(f"after_ms must be a finite number of at least 0, got {after_ms!r}")
    used = _limit_of(component, operation) if limit is None else limit
    used.note_call()
    race: _Race[T] = _Race(component, operation, first, second)
    call = enter_call(race.site)
    try:
        after_ns = _after_ns(race, percentile, min_samples) if after_ms is None else ms_to_ns(after_ms)
        result = await race.run(after_ns, used)
    except BaseException as error:
        race.note("cancelled" if isinstance(error, asyncio.CancelledError) else "failed", call)
        if call is not None:
            call.deactivate()
            call.end_with(error)
        raise
    race.note(race.result, call)
    if call is not None:
        call.deactivate()
        call.end()
    return result


class _Race(Generic[T]):
    """The attempts of one call.

    Attributes:
        site: What the call is measured as.
        result: What became of it: "first_alone", "first_won" or "second_won".
    """

    def __init__(
        self,
        component: str,
        operation: str,
        first: Callable[[], Awaitable[T]],
        second: Callable[[], Awaitable[T]],
    ) -> None:
        self.site = shared_call_site(component, operation, makes_span=True)
        self.first_site = shared_call_site(component, f"{operation}.first", makes_span=True)
        self.result = "first_alone"
        self._second_site = shared_call_site(component, f"{operation}.second", makes_span=True)
        self._first = first
        self._second = second
        self._attempts: list[_Attempt[T]] = []

    async def run(self, after_ns: int | None, limit: HedgeLimit) -> T:
        first = self._start(self.first_site, self._first)
        try:
            wait_s = None if after_ns is None or not _is_in_time(after_ns) else after_ns / NS_PER_S
            await asyncio.wait({first.task}, timeout=wait_s)
            if first.task.done():
                return first.task.result()
            if not limit.take():
                self.result = "limited"
                return await first.task
            second = self._start(self._second_site, self._second, linked=first)
            return await self._first_success(first, second)
        finally:
            for attempt in self._attempts:
                attempt.give_up(self.site)

    async def _first_success(self, first: "_Attempt[T]", second: "_Attempt[T]") -> T:
        running = {first.task, second.task}
        while running:
            _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for attempt, result in ((first, "first_won"), (second, "second_won")):
                if attempt.succeeded:
                    self.result = result
                    return attempt.task.result()
        if second.task.cancelled():
            return first.task.result()
        failure = second.task.exception()
        try:
            return first.task.result()
        except Exception as error:
            error.add_note(f"the second attempt of {self.site.name} failed too: {failure!r}")
            raise

    def _start(
        self, site: CallSite, begin: Callable[[], Awaitable[T]], *, linked: "_Attempt[T] | None" = None
    ) -> "_Attempt[T]":
        attempt = _Attempt(site, begin, linked)
        self._attempts.append(attempt)
        return attempt

    def note(self, result: str, call: OpenCall | None) -> None:
        """Count what became of the call, and say it on its span."""
        is_hedged = len(self._attempts) > 1
        decisions.count(
            "latency.hedge.calls",
            component=self.site.component,
            operation=self.site.operation,
            result=result,
            hedged="yes" if is_hedged else "no",
        )
        if call is not None:
            call.set_attribute("latency.hedge.result", result)
            call.set_attribute("latency.hedged", is_hedged)


class _Attempt(Generic[T]):
    """One attempt, running in a task of its own in a copy of the caller's context."""

    def __init__(
        self, site: CallSite, begin: Callable[[], Awaitable[T]], linked: "_Attempt[T] | None"
    ) -> None:
        self._site = site
        self._begin = begin
        self._linked = linked
        self._started_ns = active.clock()
        self.call: OpenCall | None = None
        self.task: asyncio.Task[T] = asyncio.create_task(self._run())

    @property
    def succeeded(self) -> bool:
        """Whether it ended with an answer."""
        return self.task.done() and not self.task.cancelled() and self.task.exception() is None

    def give_up(self, site: CallSite) -> None:
        """Cancel it where it still runs, and record what it has cost by then."""
        if self.task.done():
            if not self.task.cancelled():
                self.task.exception()  # asked for, so that asyncio does not report it as never retrieved
            return
        _given_up.add(self.task)
        wasted = DurationSeries.part_of(site, "wasted")
        self.task.add_done_callback(lambda task: self._note_wasted(task, wasted))
        self.task.cancel()

    def _note_wasted(self, task: "asyncio.Task[T]", wasted: DurationSeries) -> None:
        _given_up.discard(task)
        if not task.cancelled():
            task.exception()
        wasted.note(self._started_ns, active.clock(), outcome=Outcome.CANCELLED)

    async def _run(self) -> T:
        self.call = call = enter_call(self._site)
        if call is not None and self._linked is not None and self._linked.call is not None:
            _link(call, self._linked.call)
        try:
            result = await self._begin()
        except BaseException as error:
            if call is not None:
                call.deactivate()
                call.end_with(error)
            raise
        if call is not None:
            call.deactivate()
            call.end()
        return result


def _link(one: OpenCall, other: OpenCall) -> None:
    """Link the spans of two attempts, each to the other."""
    if one.span is None or other.span is None:
        return
    try:
        one.span.add_link(other.span.get_span_context())
        other.span.add_link(one.span.get_span_context())
    except Exception as error:  # noqa: BLE001  # whatever a provider does, the host goes on
        active.losses.count("spans_failed", why=repr(error))


def _after_ns(race: "_Race[Any]", percentile: float, min_samples: int) -> int | None:
    """Return what `percentile` percent of the first attempts needed; None where that is not known."""
    latency = recent_latencies.of(race.first_site.component, race.first_site.operation)
    needed_ns = latency.needed_ns(percentile, min_samples)
    if needed_ns is None:
        return None
    if math.isinf(needed_ns):
        # So many were overtaken that their own times do not tell: the slowest that came through does.
        needed_ns = latency.slowest_ns() or 0
    return round(needed_ns)


def _is_in_time(after_ns: int) -> bool:
    """Tell whether a second attempt would begin before the deadline."""
    deadline = current_deadline()
    return deadline is None or after_ns < deadline.remaining_ns()


def _limit_of(component: str, operation: str) -> HedgeLimit:
    found = _limits.get((component, operation))
    if found is None:
        found = HedgeLimit()
        if len(_limits) < _MAX_LIMITS:
            found = _limits.setdefault((component, operation), found)
    return found
