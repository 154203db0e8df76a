"""Work in another process: what crosses to it, how it runs there, and how its times come back."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from opentelemetry.context import Context

from latency_kit.measurement.active import active
from latency_kit.measurement.carrier import context_of
from latency_kit.measurement.context import use_context

__all__ = ["ChildFuture", "ChildTimes", "brought_along", "run_in_child"]

R = TypeVar("R")

_TIMES = "_latency_kit_times"

brought_along: list[Callable[[Context, Callable[..., Any]], Callable[..., Any]]] = []
"""Wrappers of the function before it is pickled, for values of the context that no header carries."""


class ChildTimes(NamedTuple):
    """Start and end of the work on the child's monotonic clock.

    It is the parent's clock too on Linux (CLOCK_MONOTONIC), macOS (mach_absolute_time) and Windows
    (QueryPerformanceCounter); the parent checks it.
    """

    begun_ns: int
    ended_ns: int


class _Done(NamedTuple):
    times: ChildTimes
    result: Any


def run_in_child(
    carrier: Mapping[str, str], fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> _Done:
    """Run the work in the process in which it has arrived, in the context that came with it."""
    context = context_of(carrier)
    begun_ns = time.perf_counter_ns()
    try:
        with use_context(context):
            result = fn(*args, **kwargs)
    except BaseException as error:
        # The exception itself goes back, so that the caller sees the remote traceback as ever.
        error.__dict__[_TIMES] = (begun_ns, time.perf_counter_ns())
        raise
    return _Done(ChildTimes(begun_ns, time.perf_counter_ns()), result)


class ChildFuture(Future[R]):
    """The future of work in another process: the result without the times that came with it.

    * Cancelling it cancels the work inside, with the same success.
    * `note` is called once, before the result can be seen, where times have come back.
    """

    def __init__(
        self, inside: "Future[_Done]", note: Callable[[ChildTimes, BaseException | None], None]
    ) -> None:
        super().__init__()
        self._inside = inside
        self._note = note
        inside.add_done_callback(self._finish)

    def cancel(self) -> bool:
        """Cancel the work unless it runs already."""
        return self._inside.cancel()

    def running(self) -> bool:
        """Tell whether the work runs, or waits in the pipe to its process."""
        return self._inside.running()

    def _finish(self, inside: "Future[_Done]") -> None:
        if inside.cancelled():
            super().cancel()
            self.set_running_or_notify_cancel()
            return
        error = inside.exception()
        if error is not None:
            # Lost where the exception pickles itself without its attributes.
            times = error.__dict__.pop(_TIMES, None)
            self._tell(ChildTimes(*times) if times else None, error)
            self.set_exception(error)
        else:
            done = inside.result()
            self._tell(done.times, None)
            self.set_result(done.result)

    def _tell(self, times: ChildTimes | None, error: BaseException | None) -> None:
        if times is None:
            active.losses.count("child_times_lost", why=repr(error))
            return
        try:
            self._note(times, error)
        except Exception as failure:  # noqa: BLE001  # the result must reach its caller
            active.losses.count("child_times_lost", why=repr(failure))
