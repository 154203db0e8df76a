"""Taking samples one after the other, or in an open loop at intended times.

In an open loop a call's duration counts from when it should have started. A caller that waits for the answer
before it asks again measures only itself while the callee is stuck (coordinated omission: Gil Tene, How NOT
to measure latency, 2013); one with a schedule counts what those would have waited that it could not send.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from latency_kit.pytest_plugin.calls import AsyncCall, Sample, SyncCall
from latency_kit.pytest_plugin.timing import Schedule

__all__ = ["MAX_IN_FLIGHT", "take_async_samples", "take_samples"]

MAX_IN_FLIGHT = 1000
"""Open calls at a time of an open loop of coroutines; beyond it the next one waits, and its wait counts."""


def take_samples(
    call: SyncCall, count: int, each: Callable[[Sample], None], *, schedule: Schedule | None = None
) -> None:
    """Make `count` calls, one at a time; with a schedule, none before its intended time."""
    for _ in range(count):
        each(call(None if schedule is None else schedule.wait()))


async def take_async_samples(
    call: AsyncCall, count: int, each: Callable[[Sample], None], *, schedule: Schedule | None = None
) -> None:
    """Make `count` calls; with a schedule, each as a task of its own at its intended time.

    Samples are handed over in the order of sending: by the order of ending, the first ones in hand would be
    the fast ones. All calls have ended when this returns; if one raises, the others are cancelled.
    """
    if schedule is None:
        for _ in range(count):
            each(await call(None))
        return
    # All that was sent has been answered: nobody queues any more, and a pause is not the callee's.
    schedule.restart()
    in_flight: deque[asyncio.Task[Sample]] = deque()
    try:
        for _ in range(count):
            due_ns = await schedule.wait_on_the_loop()
            in_flight.append(asyncio.ensure_future(_made(call, due_ns)))
            while in_flight and (in_flight[0].done() or len(in_flight) > MAX_IN_FLIGHT):
                each(await in_flight[0])
                in_flight.popleft()
        while in_flight:
            each(await in_flight[0])
            in_flight.popleft()
    finally:
        for task in in_flight:
            task.cancel()
        await asyncio.gather(*in_flight, return_exceptions=True)


async def _made(call: AsyncCall, due_ns: int) -> Sample:
    return await call(due_ns)
