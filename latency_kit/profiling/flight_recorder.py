"""The flight recorder: looks at calls that are past their limit and still run, and keeps what it saw.

How stacks are read lives in `stacks`, how what was seen is written in `flight` and `flight_folder`.
"""

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from types import TracebackType
from typing import Any, Protocol, Self

from latency_kit.budget import BudgetPolicy
from latency_kit.clock import SYSTEM_CLOCK, Clock
from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.in_flight import follow_calls, followed_calls
from latency_kit.profiling.flight import Flight
from latency_kit.profiling.flight_folder import FlightFolder
from latency_kit.profiling.kept_loops import KeptLoops
from latency_kit.profiling.stacks import stack_of_thread, stacks_of_task
from latency_kit.profiling.watched_call import WatchedCall
from latency_kit.units import NS_PER_S, ms_to_ns

__all__ = ["FlightRecorder", "RunningCall", "limits_of"]

DEFAULT_INTERVAL_MS = 20.0
DEFAULT_MAX_FLIGHTS = 20
DEFAULT_CPU_SHARE = 0.01

_LONGEST_WAIT_NS = NS_PER_S
_THINNING = 50
"""A call is looked at again after a fiftieth of its time over the limit: a call that never returns is looked
at 50 times for each factor e of its age, some 500 times a day."""


class _Site(Protocol):
    @property
    def name(self) -> str:
        """`component.operation`."""
        ...


class RunningCall(Protocol):
    """What is read of a call in flight; `latency_kit.measurement.in_flight.FollowedCall` is one."""

    @property
    def site(self) -> _Site:
        """Where it is measured."""
        ...

    @property
    def start_ns(self) -> int:
        """Its start on the monotonic clock."""
        ...

    @property
    def thread_id(self) -> int:
        """The thread in which it began."""
        ...

    @property
    def task(self) -> Any:
        """The asyncio task in which it began, or None."""
        ...

    @property
    def span(self) -> Any:
        """Its span, or None."""
        ...


class FlightRecorder:
    """Samples the stacks of calls that are past their limit and still run.

        with FlightRecorder({"llm.generate": ms_to_ns(1500)}, folder="flights"):
            serve()

    * It does nothing until it is started, and keeps nothing of calls that end within their limit.
    * A call that began in an asyncio task is seen with the chain that the task awaits, branches of `gather`,
      `wait` and groups included; any other call with the stack of the thread in which it began.
    * What is seen goes to the call's span as events `latency.over_limit`, at most eight; when the call has
      ended, to two files in `folder`.
    * It takes at most `cpu_share` of one core: after each look it rests in proportion to what the look cost.
    * Memory and files are bounded: so many flights, the newest, with so many samples each.
    * What fails in it is counted as "flight_recorder_failed" or "flight_files_failed"; it never raises.

    Args:
        limits: The limit of each `component.operation`, in nanoseconds (see `limits_of`).
        folder: Where files go; without one flights are kept in memory only.
        interval_ms: How often a call over its limit is looked at, at first; later ones less often.
        max_flights: How many flights are kept, in memory and as files.
        cpu_share: What it may take of one core, above 0 and up to 1.
        calls: Gives the calls in flight; by default those that the library follows.
        clock: Ages are told by it.

    Raises:
        UsageError: An argument is out of range.
    """

    def __init__(
        self,
        limits: Mapping[str, int],
        *,
        folder: str | PathLike[str] | None = None,
        interval_ms: float = DEFAULT_INTERVAL_MS,
        max_flights: int = DEFAULT_MAX_FLIGHTS,
        cpu_share: float = DEFAULT_CPU_SHARE,
        calls: Callable[[], Iterable[RunningCall]] = followed_calls,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if not limits or min(limits.values()) <= 0:
            raise UsageError(f"limits must name at least one operation and be positive, got {dict(limits)}")
        if interval_ms <= 0 or max_flights < 1 or not 0 < cpu_share <= 1:
            raise UsageError(
                "interval_ms must be positive, max_flights a count from 1 and cpu_share above 0 and up to 1, "
                f"got {interval_ms!r}, {max_flights!r} and {cpu_share!r}"
            )
        self._limits_ns = dict(limits)
        self._interval_ns = ms_to_ns(interval_ms)
        self._idle_ns = min(max(min(limits.values()), self._interval_ns), _LONGEST_WAIT_NS)
        self._rest_factor = 1 / cpu_share - 1
        self._calls = calls
        self._clock_ns = clock.monotonic_ns
        self._folder = None if folder is None else FlightFolder(folder, keep=max_flights, clock=clock)
        self._watched: dict[int, tuple[weakref.ref[RunningCall], WatchedCall]] = {}
        self._flights: deque[Flight] = deque(maxlen=max_flights)
        self._loops = KeptLoops()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.cpu_ns = 0
        """What its thread has taken of a core so far, in nanoseconds."""
        self.looks = 0
        """How often its thread has looked."""

    @property
    def flights(self) -> tuple[Flight, ...]:
        """The calls over their limit that have ended, oldest first."""
        return tuple(self._flights)

    def blocking_calls(self) -> Mapping[str, int]:
        """Return the functions that kept an event loop meanwhile, each with the longest time seen, in ns."""
        return self._loops.longest_ns()

    def start(self) -> Self:
        """Begin to follow calls and to look at them.

        Raises:
            UsageError: It runs already.
        """
        if self._thread is not None:
            raise UsageError("this flight recorder runs already; stop it first or make another one")
        self._stopping.clear()
        follow_calls(on=True)
        self._thread = threading.Thread(target=self._run, name="latency-kit-flight-recorder", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Look no more, and keep what was seen of calls that still run; a second stop does nothing."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopping.set()
        thread.join()
        follow_calls(on=False)
        now_ns = self._clock_ns()
        for key in list(self._watched):
            self._keep(key, now_ns)

    def look(self) -> int:
        """Look once at all calls in flight; return after how many nanoseconds to look again."""
        now_ns = self._clock_ns()
        again_ns = self._idle_ns
        running = set()
        for call in self._calls():
            limit_ns = self._limits_ns.get(call.site.name)
            if limit_ns is None:
                continue
            over_ns = now_ns - call.start_ns - limit_ns
            if over_ns <= 0:
                again_ns = min(again_ns, -over_ns + 1)
                continue
            running.add(id(call))
            again_ns = min(again_ns, self._watch(call, limit_ns, now_ns, over_ns))
        for key, (reference, _) in list(self._watched.items()):
            if key not in running or reference() is None:
                self._keep(key, now_ns)
        return max(again_ns, 1)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _watch(self, call: RunningCall, limit_ns: int, now_ns: int, over_ns: int) -> int:
        """Sample a call where it is time to; return when it will be again."""
        known = self._watched.get(id(call))
        if known is None or known[0]() is not call:
            if known is not None:  # another call at the same place in memory, which has ended
                self._keep(id(call), now_ns)
            known = (weakref.ref(call), WatchedCall(call.site.name, limit_ns, call.start_ns, call.span))
            self._watched[id(call)] = known
        watched = known[1]
        if now_ns >= watched.due_ns:
            task = call.task
            stacks = (
                (stack_of_thread(call.thread_id),) if task is None else stacks_of_task(task, call.thread_id)
            )
            watched.saw(now_ns, stacks)
            self._loops.saw(call.thread_id, now_ns)
            watched.due_ns = now_ns + max(self._interval_ns, over_ns // _THINNING)
        return watched.due_ns - now_ns

    def _keep(self, key: int, now_ns: int) -> None:
        flight = self._watched.pop(key)[1].flight(now_ns)
        self._flights.append(flight)
        if self._folder is not None:
            self._folder.write(flight)

    def _run(self) -> None:
        used_ns = time.thread_time_ns()
        while True:
            try:
                wanted_ns = self.look()
            except Exception as error:  # noqa: BLE001  # the program goes on, and so does the recorder
                active.losses.count("flight_recorder_failed", why=repr(error))
                wanted_ns = _LONGEST_WAIT_NS
            now_used_ns = time.thread_time_ns()
            cost_ns, used_ns = now_used_ns - used_ns, now_used_ns
            self.cpu_ns += cost_ns
            self.looks += 1
            if self._stopping.wait(max(wanted_ns, cost_ns * self._rest_factor) / NS_PER_S):
                return


def limits_of(policy: BudgetPolicy) -> dict[str, int]:
    """Return the limit of every operation that a policy has a budget on, of several the tightest."""
    limits_ns: dict[str, int] = {}
    for placed in policy.placements:
        name, limit_ns = placed.budget.measures, placed.budget.limit_ns
        limits_ns[name] = min(limits_ns.get(name, limit_ns), limit_ns)
    return limits_ns
