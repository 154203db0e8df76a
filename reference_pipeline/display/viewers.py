"""One viewer of a channel: its own bounded queue and its own writing task, so that it delays nobody else."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import latency_kit
from reference_pipeline.display.clock_sync import ClockSync, Exchange
from reference_pipeline.display.viewer_queue import Frame, QueueCounts, ViewerQueue
from reference_pipeline.display.wire import PagePong, ping_frame

__all__ = [
    "PING_BURST",
    "PING_EVERY_S",
    "QUEUE_BOUND",
    "SEND_BOUND_S",
    "TOO_SLOW",
    "Farewell",
    "Viewer",
]

QUEUE_BOUND = 512
"""Frames that may wait for one viewer: eight seconds of an answer at sixty tokens a second, longer than its
socket may take nothing."""

SEND_BOUND_S = 5.0
"""How long one frame may wait for a viewer's socket to take it before the viewer is dropped to resume."""

PING_BURST = 5
"""Pings right after a viewer has come, so that its first paint is already well timed."""

_BURST_GAP_S = 0.02

PING_EVERY_S = 5.0
"""Then one this often: the clocks part by half a millisecond at most in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    """Why a viewer is sent away: a WebSocket close code and a reason fit for display."""

    code: int
    reason: str


TOO_SLOW = Farewell(code=1013, reason="fell behind; reconnect to resume")


class Viewer:
    """One page that has joined a channel.

    * `offer` never waits; a viewer whose queue is full, or whose socket takes nothing for `send_bound_s`,
      is sent away with code 1013 and may come back to resume.
    * After it has been sent away nothing more is written to it.
    """

    def __init__(
        self,
        number: int,
        send: Callable[[str], Awaitable[None]],
        *,
        queue_bound: int = QUEUE_BOUND,
        send_bound_s: float = SEND_BOUND_S,
        ping_every_s: float = PING_EVERY_S,
        counts: QueueCounts | None = None,
    ) -> None:
        self.number = number
        self.clock = ClockSync()
        self.hidden = False
        self.farewell: Farewell | None = None
        self._send = send
        self._queue = ViewerQueue(queue_bound, counts=QueueCounts() if counts is None else counts)
        self._news = asyncio.Event()
        self._send_bound_s = send_bound_s
        self._ping_every_s = ping_every_s
        self._pinged_ns: dict[int, int] = {}
        self._pings = 0
        self._away = asyncio.Event()

    def offer(self, frame: Frame) -> bool:
        """Queue a frame; False where the viewer has been, or is now, sent away instead."""
        if self.farewell is not None:
            return False
        if not self._queue.put(frame, viewer=self.number):
            self.send_away(TOO_SLOW)
            return False
        self._news.set()
        return True

    @property
    def waiting(self) -> int:
        """Frames that have yet to be written."""
        return len(self._queue)

    def send_away(self, farewell: Farewell) -> None:
        """End this viewer's visit; the first reason stands."""
        if self.farewell is None:
            self.farewell = farewell
            self._away.set()
            self._news.set()

    async def until_sent_away(self) -> None:
        """Wait until the visit has been ended from our side."""
        await self._away.wait()

    async def write(self) -> None:
        """Write what is offered, in order, until the viewer is sent away."""
        while self.farewell is None:
            if not self._queue:
                self._news.clear()
                await self._news.wait()
                continue
            frame = self._queue.take()
            sending_ns = latency_kit.now_ns()
            if frame.ping is not None:
                self._pinged_ns[frame.ping] = sending_ns
            try:
                async with asyncio.timeout(self._send_bound_s):
                    await self._send(frame.text)
            except TimeoutError:
                self.send_away(TOO_SLOW)
                return
            written_ns = latency_kit.now_ns()
            for delivery in frame.deliveries:
                delivery.written(self.number, sending_ns=sending_ns, written_ns=written_ns)

    async def ping(self) -> None:
        """Keep the page's clock known: a burst at first, then now and again."""
        while self.farewell is None:
            self._pings += 1
            self._pinged_ns.pop(self._pings - PING_BURST, None)  # unanswered ones are not kept for ever
            self.offer(Frame(text=ping_frame(self._pings), ping=self._pings))
            await asyncio.sleep(_BURST_GAP_S if self._pings < PING_BURST else self._ping_every_s)

    def ponged(self, pong: PagePong, *, arrived_ns: int) -> bool:
        """Learn from the answer to a ping; False where it answers none or cannot be true."""
        pinged_ns = self._pinged_ns.pop(pong.number, None)
        if pinged_ns is None:
            return False
        return self.clock.add(
            Exchange(
                sent_ns=pinged_ns,
                page_received_ns=pong.received_ns,
                page_sent_ns=pong.replied_ns,
                received_ns=arrived_ns,
            )
        )
