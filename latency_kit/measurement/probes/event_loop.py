"""Event-loop lag: how late callbacks run, and which task and line kept the loop from running them."""

import asyncio
import sys
import threading
from types import FrameType

from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.duration_series import DurationSeries
from latency_kit.measurement.expected_interval import CorrectedSeries
from latency_kit.measurement.pauses import NotedPause, note_pause
from latency_kit.units import NS_PER_MS

__all__ = ["EventLoopProbe"]


class _LagSeries(DurationSeries):
    """Lag as it was found, with the corrected series beside it: a blocked loop also runs no probe."""

    __slots__ = ("corrected",)

    def __init__(self, interval_ns: int) -> None:
        super().__init__("event_loop", "lag")
        self.corrected: CallSite | None = CorrectedSeries(self, interval_ns)


class EventLoopProbe:
    """Schedules a callback every `interval_ms` and records how late it runs, as `event_loop.lag`.

    * `event_loop.lag.corrected` has what the callbacks that a blocked loop never scheduled would have waited.
    * A loop that is `blocked_after_ms` late or more is told to the calls that it delayed. A thread looks at
      it meanwhile, so that they also learn the task and the line that block it.
    * It ends with its loop, if nobody stops it before.

    Raises:
        UsageError: No event loop runs where it is started, or a time is not positive.
    """

    def __init__(
        self, *, interval_ms: float = 50.0, blocked_after_ms: float = 100.0, watch: bool = True
    ) -> None:
        for name, given in (("interval_ms", interval_ms), ("blocked_after_ms", blocked_after_ms)):
            if given <= 0:
                raise UsageError(f"{name} must be more than 0, got {given}")
        self._interval_ns = int(interval_ms * NS_PER_MS)
        self._blocked_after_ns = int(blocked_after_ms * NS_PER_MS)
        self._watches = watch
        self._series = _LagSeries(self._interval_ns)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._thread_id = 0
        self._due_ns = 0
        self._pause: NotedPause | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin on the event loop that runs."""
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            raise UsageError(
                "no event loop runs here; start the event-loop probe inside of a coroutine"
            ) from None
        self._thread_id = threading.get_ident()
        self._stopping = threading.Event()
        self._schedule()
        if self._watches:
            threading.Thread(
                target=self._watch, args=(self._stopping,), name="latency_kit-event-loop-probe", daemon=True
            ).start()

    def stop(self) -> None:
        """End; idempotent. Call it on the loop's thread."""
        self._stopping.set()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._end_pause(active.clock())

    def look(self) -> None:
        """Look from outside whether the loop is late, and if so at what it does; the thread calls it."""
        now_ns = active.clock()
        if self._pause is not None or now_ns - self._due_ns < self._blocked_after_ns or self._loop is None:
            return
        task = asyncio.current_task(self._loop)
        pause = NotedPause(
            self._series.name,
            self._due_ns,
            thread_id=self._thread_id,
            task=None if task is None else task.get_name(),
            where=_line_of(sys._current_frames().get(self._thread_id)),  # noqa: SLF001  # documented
        )
        self._pause = pause
        note_pause(pause)

    def _schedule(self) -> None:
        assert self._loop is not None  # noqa: S101  # it was started
        self._due_ns = active.clock() + self._interval_ns
        self._handle = self._loop.call_later(self._interval_ns / 1e9, self._beat)

    def _beat(self) -> None:
        now_ns = active.clock()
        due_ns = self._due_ns
        self._series.note(due_ns, now_ns)
        if not self._end_pause(now_ns) and now_ns - due_ns >= self._blocked_after_ns:
            # The thread has not looked in time, or there is none.
            note_pause(NotedPause(self._series.name, due_ns, now_ns, thread_id=self._thread_id))
        self._schedule()

    def _end_pause(self, now_ns: int) -> bool:
        pause, self._pause = self._pause, None
        if pause is None:
            return False
        pause.ended_ns = now_ns
        return True

    def _watch(self, stopping: threading.Event) -> None:
        # Often enough to see what blocks before it has passed.
        every_s = min(self._interval_ns, self._blocked_after_ns) / 2e9
        while not stopping.wait(every_s):
            if self._loop is None or self._loop.is_closed():
                self._end_pause(active.clock())
                return
            try:
                self.look()
            except Exception as error:  # noqa: BLE001  # the loop goes on whatever the probe meets
                active.losses.count("probe_failed", why=repr(error))


def _line_of(frame: FrameType | None) -> str | None:
    """Name the innermost line, as "module.function:line"."""
    if frame is None:
        return None
    code = frame.f_code
    return f"{frame.f_globals.get('__name__', '?')}.{code.co_qualname}:{frame.f_lineno}"
