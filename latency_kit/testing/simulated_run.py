"""asyncio on a fake clock: sleeps and timeouts take no real time and always the same simulated time."""

import asyncio
import math
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from latency_kit.testing.fake_clock import FakeClock

__all__ = ["simulated_run"]

T = TypeVar("T")


def simulated_run(main: Coroutine[Any, Any, T], clock: FakeClock) -> T:
    """Run `main` as `asyncio.run` does, with `clock` as the event loop's time.

        clock = FakeClock()
        with capture_measurements(clock=clock) as captured:
            simulated_run(serve_for_an_hour(), clock)

    * Whenever every task waits, the clock jumps to the next timer; nothing else advances it.
    * The same program gives the same order of events and the same times, on any machine.

    Threads and sockets live in real time: the clock does not wait for them while a timer is set.
    """
    with asyncio.Runner(loop_factory=lambda: _SimulatedLoop(clock)) as runner:
        return runner.run(main)


class _SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: FakeClock) -> None:
        self._simulated = clock
        super().__init__(_JumpingSelector(clock))

    def time(self) -> float:
        return self._simulated.monotonic_ns() / 1e9

    async def shutdown_default_executor(
        self,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  # asyncio's own, from Python 3.12 on
    ) -> None:
        # A time limit would be a timer, and the clock would jump over it; threads are waited for.
        await super().shutdown_default_executor()


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, clock: FakeClock) -> None:
        self._simulated = clock
        super().__init__()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # no timer is set: only a thread or a socket can go on
            return super().select(None)
        ready = super().select(0)
        if not ready and timeout > 0:
            # Up, so that the timer is due; its float is some hundred nanoseconds coarse after months.
            self._simulated.advance(ns=math.ceil(timeout * 1e9))
        return ready
