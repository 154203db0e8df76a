"""A service under overload: with a deadline for each request it sheds optional work, and holds its p95.

Run it with `python examples/load_shedding.py`: twenty seconds of requests, in simulated time.
"""

import asyncio
import random

import latency_kit
from latency_kit import measure_latency
from latency_kit.testing import FakeClock, simulated_run

LIMIT_MS = 250
MARGIN_MS = 50  # kept free, since an answer that just fits makes the next ones wait
OPTIONAL = {"explain": 0.060, "recommend": 0.080}  # seconds each, beside the 40 ms that every answer takes


async def answer(arrived_ns: int, workers: asyncio.Semaphore, chance: random.Random, *, shed: bool) -> None:
    with latency_kit.deadline(LIMIT_MS, start_ns=arrived_ns, name="answer"):
        async with workers:  # the time that a request waits here is gone from its deadline
            async with measure_latency("shop", "find"):
                await asyncio.sleep(0.040 * chance.uniform(0.8, 1.2))
            for operation, typical_s in OPTIONAL.items():
                if not shed or latency_kit.allow("shop", operation, margin_ms=MARGIN_MS):
                    async with measure_latency("shop", operation):
                        await asyncio.sleep(typical_s * chance.uniform(0.8, 1.2))
    latency_kit.record("shop", "response", start_ns=arrived_ns, end_ns=latency_kit.now_ns())


async def overload(telemetry: latency_kit.Telemetry, *, shed: bool) -> None:
    chance = random.Random(1)  # noqa: S311  # the same requests each time
    workers = asyncio.Semaphore(4)
    async with asyncio.TaskGroup() as requests:
        for number in range(800):
            requests.create_task(answer(latency_kit.now_ns(), workers, chance, shed=shed))
            await asyncio.sleep(chance.expovariate(40))  # 40 a second; with all its work the shop can do 22
            if number % 4 == 0:
                telemetry.snapshot()  # folds what was measured; in real time a thread does


def main() -> None:
    for shed in (False, True):
        clock = FakeClock()
        with latency_kit.configure(clock=clock, drain_interval_s=3600) as telemetry:
            simulated_run(overload(telemetry, shed=shed), clock)
            counts = {series.operation: series.histogram for series in telemetry.snapshot()}
            p95_ms = counts["response"].value_at_percentile(95) / 1e6
            optional = sum(counts[operation].count for operation in OPTIONAL)
            print(f"shed={shed!s:5}  p95 {p95_ms:6.0f} ms of {LIMIT_MS} ms  optional work {optional} of 1600")


if __name__ == "__main__":
    main()
