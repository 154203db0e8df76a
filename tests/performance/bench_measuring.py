"""The library's own hot path, for `latency-kit gate --baseline main`: a measured call, and reading it.

Nothing here is new: an old version can run it, so that a change of the path is seen.
"""

import asyncio
from collections.abc import Iterator

from latency_kit import configure, measure_latency
from latency_kit.histogram import Histogram, HistogramSnapshot

CALLS = 50
VALUES = [1_000 * (1 + number * number % 9_973) for number in range(1_000)]


def bench_call_unconfigured() -> None:
    """Call a decorated function while nothing is configured."""
    for _ in range(CALLS):
        work()


def bench_call_recorded(configured: None) -> None:
    """Call a decorated function that is recorded."""
    for _ in range(CALLS):
        work()


def bench_block_recorded(configured: None) -> None:
    """Measure a block."""
    for _ in range(CALLS):
        with measure_latency("bench", "block"):
            pass


async def bench_coroutine_recorded(configured: None) -> None:
    """Await a decorated coroutine, with a turn of the event loop."""
    for _ in range(CALLS):
        await waiting_work()


def bench_record_many() -> None:
    """Record a thousand values into a histogram."""
    Histogram().record_many(VALUES)


def bench_percentiles(snapshot: HistogramSnapshot) -> None:
    """Read percentiles of a histogram."""
    for percentile in (50, 95, 99, 99.9):
        snapshot.value_at_percentile(percentile)


@measure_latency("bench", "work")
def work() -> None:
    """Do nothing."""


@measure_latency("bench", "waiting_work")
async def waiting_work() -> None:
    """Let the loop go round."""
    await asyncio.sleep(0)


def configured() -> Iterator[None]:
    """Configure recording, and nothing that exports."""
    telemetry = configure()
    yield
    telemetry.shutdown()


def snapshot() -> HistogramSnapshot:
    """Make a histogram of many values."""
    histogram = Histogram()
    histogram.record_many(VALUES)
    return histogram.snapshot()
