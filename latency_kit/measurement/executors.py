"""Measured executors: the wait for a worker apart from the work, whatever kind of worker it is.

    pool = measured_executor(ThreadPoolExecutor(4), "images", "resize")
    pool.submit(resize, image)                               # images.resize.wait, then images.resize
    await loop.run_in_executor(pool, resize, image)          # the same

What happens inside of another process lives in `executor_child`.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, ParamSpec, TypeVar

from opentelemetry.context import Context

from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.carrier import carrier_of
from latency_kit.measurement.context import current_context, use_context
from latency_kit.measurement.executor_child import ChildFuture, ChildTimes, brought_along, run_in_child
from latency_kit.measurement.measurement import AttributeValue, Outcome
from latency_kit.measurement.open_call import open_call
from latency_kit.measurement.outcomes import outcome_of
from latency_kit.measurement.readings import Reading, register

__all__ = ["MeasuredExecutor", "measured_executor"]

P = ParamSpec("P")
R = TypeVar("R")

_OTHER_PROCESS = frozenset({"ProcessPoolExecutor", "InterpreterPoolExecutor"})
"""Executors whose functions and results are pickled; by name, so that they need not be imported."""


def measured_executor(
    executor: Executor,
    component: str,
    operation: str,
    *,
    attributes: Mapping[str, AttributeValue] | None = None,
    span: bool = True,
    crosses_process: bool | None = None,
) -> "MeasuredExecutor":
    """Return an executor that gives its work to `executor` and measures it.

    Args:
        executor: A ThreadPoolExecutor, a ProcessPoolExecutor, or any other `concurrent.futures.Executor`.
        component: The part of the program.
        operation: The work; the wait for a worker is the series `operation.wait`.
        attributes: Fixed attributes of both series.
        span: False makes no spans.
        crosses_process: Whether functions are pickled to where they run; found out by default.

    Raises:
        UsageError: A name or an attribute is unfit, or `executor` is none.
    """
    return MeasuredExecutor(
        executor,
        CallSite(component, operation, attributes, makes_span=span),
        crosses_process=crosses_process,
    )


class MeasuredExecutor(Executor):
    """An executor around another one; made by `measured_executor`.

    * The function runs in the context of the code that submitted it; across processes its trace crosses.
    * `x.wait` is the time from `submit` to the start of the function; work cancelled before it started stands
      there as cancelled. `x` is the time of the function.
    * Futures behave as those of the executor inside.
    * Work in another process is recorded in this one, from times of the clock that both share. Where the two
      clocks do not agree, the work's duration alone is recorded.
    """

    def __init__(self, executor: Executor, site: CallSite, *, crosses_process: bool | None = None) -> None:
        if not isinstance(executor, Executor):
            raise UsageError(
                f"measured_executor wraps a concurrent.futures.Executor, got {type(executor).__name__}"
            )
        self._inside = executor
        self._site = site
        self._wait_site = CallSite(
            site.component, f"{site.operation}.wait", site.attributes, makes_span=site.makes_span
        )
        names = {base.__name__ for base in type(executor).__mro__}
        self._crosses_process = bool(names & _OTHER_PROCESS) if crosses_process is None else crosses_process
        self._counting = threading.Lock()
        self._unfinished = 0
        self._running = 0
        self._cancelled = 0
        register(self)

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Give `fn(*args, **kwargs)` to a worker; see `concurrent.futures.Executor.submit`."""
        context = current_context()
        submitted_ns = active.clock()
        future: Future[R]
        if self._crosses_process:
            crossing: Callable[..., Any] = fn
            for wrap in brought_along:
                crossing = wrap(context, crossing)
            inside = self._inside.submit(run_in_child, carrier_of(context), crossing, args, kwargs)
            future = ChildFuture(inside, partial(self._note_child, context, submitted_ns))
        else:
            future = self._inside.submit(self._run, context, submitted_ns, partial(fn, *args, **kwargs))
        with self._counting:
            self._unfinished += 1
        future.add_done_callback(partial(self._note_done, context, submitted_ns))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Shut the executor inside down."""
        self._inside.shutdown(wait=wait, cancel_futures=cancel_futures)

    def readings(self) -> Iterable[Reading]:
        """Return how many tasks wait and run, how many workers there are, and how much was cancelled."""
        with self._counting:
            unfinished, running, cancelled = self._unfinished, self._running, self._cancelled
        workers = getattr(self._inside, "_max_workers", None)
        if self._crosses_process:
            # Another process does not say when it starts; no more than its workers can run.
            running = min(unfinished, workers or unfinished)
        whose: dict[str, AttributeValue] = {
            **self._site.attributes,
            "latency.component": self._site.component,
            "latency.operation": self._site.operation,
        }
        levels: list[tuple[str, str, int, str, bool]] = [
            ("waiting", "{task}", max(unfinished - running, 0), "Tasks that wait for a worker.", False),
            ("running", "{task}", running, "Tasks that run; workers busy.", False),
            ("cancelled", "{task}", cancelled, "Tasks cancelled before they started.", True),
        ]
        if workers is not None:
            levels.append(("workers", "{worker}", workers, "The most tasks that run at once.", False))
        for name, unit, value, what, is_total in levels:
            yield Reading(
                name=f"latency.executor.{name}",
                unit=unit,
                description=what,
                value=value,
                is_total=is_total,
                attributes=whose,
            )

    def _run(self, context: Context, submitted_ns: int, work: Callable[[], R]) -> R:
        """Run the work on a worker thread."""
        self._note_wait(context, submitted_ns, active.clock(), Outcome.OK)
        with self._counting:
            self._running += 1
        try:
            with use_context(context):
                call = open_call(self._site)
                if call is None:
                    return work()
                call.activate()
                try:
                    result = work()
                except BaseException as error:
                    call.deactivate()
                    call.end_with(error)
                    raise
                call.deactivate()
                call.end()
                return result
        finally:
            with self._counting:
                self._running -= 1

    def _note_wait(self, context: Context, submitted_ns: int, until_ns: int, outcome: Outcome) -> None:
        call = open_call(self._wait_site, context=context, start_ns=submitted_ns)
        if call is not None:
            call.end(outcome, at_ns=until_ns)

    def _note_child(
        self, context: Context, submitted_ns: int, times: ChildTimes, error: BaseException | None
    ) -> None:
        """Record work that another process has done, as soon as its result is back."""
        done_ns = active.clock()
        begun_ns, ended_ns = times.begun_ns, times.ended_ns
        if submitted_ns <= begun_ns <= ended_ns <= done_ns:
            self._note_wait(context, submitted_ns, begun_ns, Outcome.OK)
        else:  # not one clock: only their difference means something here
            begun_ns, ended_ns = done_ns - (ended_ns - begun_ns), done_ns
        call = open_call(self._site, context=context, start_ns=begun_ns)
        if call is not None:
            call.end(Outcome.OK if error is None else outcome_of(error), error, at_ns=ended_ns)

    def _note_done(self, context: Context, submitted_ns: int, future: "Future[Any]") -> None:
        with self._counting:
            self._unfinished -= 1
            self._cancelled += future.cancelled()
        if future.cancelled():
            self._note_wait(context, submitted_ns, active.clock(), Outcome.CANCELLED)
