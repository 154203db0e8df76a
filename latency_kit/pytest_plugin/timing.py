"""Time as the plugin sees it, and the schedule of an open loop. A test may bring a clock of its own."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from latency_kit.clock import SYSTEM_CLOCK, Clock
from latency_kit.errors import UsageError
from latency_kit.testing import FakeClock
from latency_kit.units import NS_PER_MS, NS_PER_S

__all__ = ["SYSTEM_TIMING", "Schedule", "Timing", "simulated_timing"]


async def _sleep_on_the_loop(duration_ns: int) -> None:
    await asyncio.sleep(duration_ns / NS_PER_S)


def _sleep(duration_ns: int) -> None:
    time.sleep(duration_ns / NS_PER_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """A clock and the ways to wait by it.

    Attributes:
        clock: Where times come from.
        sleep: Waits for nanoseconds.
        sleep_on_the_loop: Waits for nanoseconds while other tasks run.
        spin_ns: How long before a time to stop sleeping and look at the clock instead. A sleep ends late by
            tens of microseconds, on an event loop (which spins twice as long) by a millisecond; the lateness
            of the sender must not pass for the callee's.
    """

    clock: Clock = SYSTEM_CLOCK
    sleep: Callable[[int], None] = _sleep
    sleep_on_the_loop: Callable[[int], Awaitable[None]] = _sleep_on_the_loop
    spin_ns: int = NS_PER_MS


SYSTEM_TIMING = Timing()


def simulated_timing(clock: FakeClock) -> Timing:
    """Return the timing of a fake clock: waiting moves it, and takes no time."""

    async def sleep_on_the_loop(duration_ns: int) -> None:
        clock.advance(ns=duration_ns)
        await asyncio.sleep(0)

    def sleep(duration_ns: int) -> None:
        clock.advance(ns=duration_ns)

    return Timing(clock=clock, sleep=sleep, sleep_on_the_loop=sleep_on_the_loop, spin_ns=0)


class Schedule:
    """When the calls of an open loop are to start: at a steady rate, whatever becomes of those before.

    * The intended time of call `i` is the start plus `i` intervals: a late call does not move the next one.
    * Waiting for a time that has passed takes no time.

    Raises:
        UsageError: The rate is not above 0.
    """

    def __init__(self, timing: Timing, *, rate: float) -> None:
        if not 0 < rate <= NS_PER_S:
            raise UsageError(f"rate must be a number of calls a second, above 0 and up to 1e9, got {rate!r}")
        self._timing = timing
        self._rate = rate
        self._sent = 0
        self._start_ns: int | None = None

    def restart(self) -> None:
        """Begin anew with the next call; for a sender that has waited for all answers."""
        self._start_ns = None

    def wait(self) -> int:
        """Wait for the next intended time and return it."""
        due_ns = self._next_due_ns()
        now = self._timing.clock.monotonic_ns
        while (left_ns := due_ns - now()) > 0:
            self._timing.sleep(max(0, left_ns - self._timing.spin_ns))
        return due_ns

    async def wait_on_the_loop(self) -> int:
        """Wait for the next intended time while other tasks run, and return it."""
        due_ns = self._next_due_ns()
        now = self._timing.clock.monotonic_ns
        while (left_ns := due_ns - now()) > 0:
            await self._timing.sleep_on_the_loop(max(0, left_ns - 2 * self._timing.spin_ns))
        return due_ns

    def _next_due_ns(self) -> int:
        if self._start_ns is None:
            self._start_ns = self._timing.clock.monotonic_ns()
            self._sent = 0
        due_ns = self._start_ns + round(self._sent * NS_PER_S / self._rate)
        self._sent += 1
        return due_ns
