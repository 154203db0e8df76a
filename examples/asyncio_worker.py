"""Asyncio workers behind a queue: queue wait, service time and response time, each for itself.

Run it with `python examples/asyncio_worker.py`.
"""

import asyncio

import latency_kit
from latency_kit import Operation, measure_latency

Job = tuple[int, Operation]


@measure_latency("worker", "service")
async def serve(number: int) -> None:
    await asyncio.sleep(0.001 * (1 + number % 3))


async def work(jobs: "asyncio.Queue[Job]") -> None:
    while True:
        number, response = await jobs.get()
        begun_ns = response.checkpoint("taken")
        with latency_kit.use_context(response.context):  # the worker's spans belong to the job's trace
            latency_kit.record("worker", "queue_wait", start_ns=response.start_ns, end_ns=begun_ns)
            await serve(number)
        response.end()
        jobs.task_done()


async def main() -> None:
    with latency_kit.configure(service_name="worker") as telemetry:
        jobs: asyncio.Queue[Job] = asyncio.Queue(maxsize=100)
        workers = [asyncio.create_task(work(jobs)) for _ in range(2)]
        for number in range(60):
            await jobs.put((number, latency_kit.begin("worker", "response")))
        await jobs.join()
        for worker in workers:
            worker.cancel()
        for series in telemetry.snapshot():
            p50, p95 = (series.histogram.value_at_percentile(at) / 1e6 for at in (50, 95))
            print(f"{series.operation:<10}  p50 {p50:7.2f} ms  p95 {p95:7.2f} ms")


if __name__ == "__main__":
    asyncio.run(main())
