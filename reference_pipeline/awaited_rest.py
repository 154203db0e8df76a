"""How long the rest of what an utterance left unfinished is waited for, before it is taken as it is.

Only times and who speaks; what is unfinished, and what it asks as it is, the decider knows.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import latency_kit
from latency_kit.units import NS_PER_S

__all__ = ["REST_BEGINS_WITHIN_NS", "AwaitedRest"]

REST_BEGINS_WITHIN_NS = 1_600_000_000
"""How long after the last voiced sample the rest may begin: twice the 800 ms for which the endpointer holds.

Who has been silent for those 800 ms either goes on within as much again (`decision.TORN_WITHIN_NS` is 1.5 s,
and an onset is told some 100 ms late), or has said all and waits: for less than a second beyond the hold,
which leaves a model 2.1 s of the 3.7 s that an answer has.
"""


@dataclass(frozen=True, slots=True)
class _Wait:
    future: "asyncio.Future[None]"
    begins_by_ns: int
    ends_by_ns: int


class AwaitedRest:
    """The wait for the rest of the latest unfinished words. Used on the event loop's thread only.

    * It is over when nobody speaks and the rest should have begun, at the latest when it should have ended.
    * While somebody speaks, or what was said is not transcribed yet, the rest may be on its way.
    * One is waited for at a time: to begin another wait ends the one before.

    Args:
        clock: Monotonic nanoseconds.
    """

    def __init__(self, *, clock: Callable[[], int] = latency_kit.now_ns) -> None:
        self._clock = clock
        self._open_utterances = 0
        self._wait: _Wait | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, *, begins_by_ns: int, ends_by_ns: int) -> "asyncio.Future[None]":
        """Begin to wait; return what is done when the wait is over.

        Args:
            begins_by_ns: A rest that nobody has begun to say by then does not come.
            ends_by_ns: One that is not heard by then does not either.
        """
        self.end()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wait = _Wait(future, begins_by_ns, ends_by_ns)
        self._arm()
        return future

    def utterance_began(self) -> None:
        """Somebody speaks: it may be the rest."""
        self._open_utterances += 1
        self._arm()

    def utterance_over(self) -> None:
        """What somebody said was taken, or was nothing."""
        self._open_utterances = max(0, self._open_utterances - 1)
        self._arm()

    def end(self) -> None:
        """End the wait now: the rest has come, or no more is to be heard."""
        wait, self._wait = self._wait, None
        self._disarm()
        if wait is not None and not wait.future.done():
            wait.future.set_result(None)

    def _arm(self) -> None:
        self._disarm()
        if self._wait is None:
            return
        due_ns = self._wait.ends_by_ns
        if not self._open_utterances:
            due_ns = min(due_ns, self._wait.begins_by_ns)
        left_s = max(0, due_ns - self._clock()) / NS_PER_S
        self._timer = asyncio.get_running_loop().call_later(left_s, self.end)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
