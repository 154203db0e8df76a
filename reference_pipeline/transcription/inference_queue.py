"""Who may infer next, where several sessions share one engine: one at a time, the most urgent first.

Knows no engine and no sound. A session has one thread and so at most one place in the queue; first come,
first served among equals is therefore fair among sessions.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

import latency_kit
from reference_pipeline.ports import TranscriberError
from reference_pipeline.transcription.time_left import within_deadline_s

__all__ = ["InferenceQueue", "Urgency"]

_ASK_EVERY_S = 0.02
"""How often one that waits asks whether its work is still wanted."""


_INTERIM_REST = 4
"""After interim work none begins for so many times as long: it has a fifth of the engine's time, however
many speak, and final text seldom finds the engine at work at what it cannot stop."""


class Urgency(IntEnum):
    """Why somebody infers; the smaller comes first."""

    FINAL = 0
    """A speaker has ended and waits for an answer."""
    SPECULATIVE = 1
    """A speaker pauses, and has perhaps ended."""
    INTERIM = 2
    """A speaker goes on, and sees text come."""


class InferenceQueue:
    """Lets one caller in at a time.

    * Among those who wait the most urgent is let in first, among equals who came first.
    * Nobody waits longer than the patience of the queue, nor beyond the deadline of its turn, but for the
      least wait of `time_left`; at most `most_waiting` wait.
    * Interim work is welcome while the engine has nothing else to do, and for a fifth of its time at most.
    * Waiting is measured as `transcription.inference_wait`, apart from the inference.

    Args:
        most_waiting: Callers that may wait; one beyond them is refused at once.
        patience_s: The longest wait.
        now_s: The time, in seconds; monotonic.
    """

    def __init__(
        self,
        *,
        most_waiting: int = 64,
        patience_s: float = 20.0,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_waiting = most_waiting
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._waiting: list[tuple[Urgency, int]] = []
        self._numbers = itertools.count()
        self._busy = False
        self._now_s = now_s
        self._interim_from_s = float("-inf")

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether nobody infers and nobody waits."""
        with self._changed:
            return not self._busy and not self._waiting

    @property
    def welcomes_interim(self) -> bool:
        """Whether interim work may begin: nobody infers or waits, and the engine has rested from the last."""
        return self._now_s() >= self._interim_from_s and self.is_idle

    def is_wanted_by_more_urgent(self, urgency: Urgency) -> bool:
        """Whether somebody waits whose work is more urgent than `urgency`."""
        with self._changed:
            return bool(self._waiting) and self._waiting[0][0] < urgency

    @contextmanager
    def turn(self, urgency: Urgency, wanted: Callable[[], bool] = lambda: True) -> Iterator[bool]:
        """Wait for the turn, and hold it for the block. Yields False where `wanted` said no before it came.

        Raises:
            TranscriberError: Too many wait already, or the turn did not come in time.
        """
        held = self._wait(urgency, wanted)
        began_s = self._now_s()
        try:
            yield held
        finally:
            if held:
                ended_s = self._now_s()
                with self._changed:
                    if urgency is Urgency.INTERIM:
                        self._interim_from_s = ended_s + _INTERIM_REST * (ended_s - began_s)
                    self._busy = False
                    self._changed.notify_all()

    @latency_kit.measure_latency("transcription", "inference_wait", span=False)
    def _wait(self, urgency: Urgency, wanted: Callable[[], bool]) -> bool:
        patience_s = within_deadline_s(self._patience_s)
        give_up_s = self._now_s() + patience_s
        with self._changed:
            if len(self._waiting) >= self._most_waiting:
                raise TranscriberError(
                    f"{self._most_waiting} utterances wait for the engine already; serve fewer speakers"
                )
            ticket = (urgency, next(self._numbers))
            heapq.heappush(self._waiting, ticket)
            try:
                while wanted():
                    if not self._busy and self._waiting[0] == ticket:
                        self._busy = True
                        return True
                    if self._now_s() >= give_up_s:
                        raise TranscriberError(
                            f"the engine was not free for {patience_s:.2g} s; serve fewer speakers"
                        )
                    self._changed.wait(_ASK_EVERY_S)
                return False
            finally:
                self._waiting.remove(ticket)
                heapq.heapify(self._waiting)
                if not self._busy:
                    self._changed.notify_all()
