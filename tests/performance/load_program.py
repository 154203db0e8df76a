"""A program under load, run on its own: what it spends with and without telemetry, and how it is held up.

Usage: python load_program.py paced|tight MODE ENDPOINT SECONDS, where MODE is bare, kit or sdk. It prints
one JSON object: CPU seconds of the process, calls made, losses, and the durations of the calls at some
percentiles in nanoseconds, the reading of the clock included.
"""

import gc
import json
import sys
import threading
import time
from array import array
from collections.abc import Callable
from typing import Any

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import latency_kit

BURST = 50
BURST_EVERY_S = 0.01
THREADS = 2
"""Two threads at 50 calls each 10 ms: 10 000 calls a second."""


def bare() -> None:
    """Do nothing: what is measured is the measuring."""


def configured(mode: str, endpoint: str) -> tuple[Callable[[], object], Callable[[], dict[str, int]]]:
    """Set the mode up; return the call to make, and what ends the telemetry and tells its losses."""
    if mode == "bare":
        return bare, dict
    if mode == "sdk":
        return _sdk(endpoint)
    telemetry = latency_kit.configure(
        protocol="grpc", endpoint=endpoint, metrics=False, service_name="benchmark"
    )

    def end() -> dict[str, int]:
        telemetry.shutdown(10)
        return dict(telemetry.losses())

    return latency_kit.measure_latency("shop", "pay")(bare), end


def _sdk(endpoint: str) -> tuple[Callable[[], object], Callable[[], dict[str, int]]]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
    tracer = provider.get_tracer("benchmark")

    def call() -> None:
        with tracer.start_as_current_span("shop.pay"):
            bare()

    def end() -> dict[str, int]:
        provider.shutdown()
        return {}

    return call, end


def paced(call: Callable[[], object], seconds: float, durations: "array[int]") -> None:
    """Make calls at a steady rate, asleep between the bursts."""
    clock = time.perf_counter_ns
    begin_s = time.perf_counter()
    for burst in range(round(seconds / BURST_EVERY_S)):
        pause_s = begin_s + burst * BURST_EVERY_S - time.perf_counter()
        if pause_s > 0:
            time.sleep(pause_s)
        for _ in range(BURST):
            start_ns = clock()
            call()
            durations.append(clock() - start_ns)


def tight(call: Callable[[], object], seconds: float, durations: "array[int]") -> None:
    """Make calls at 20 000 a second without ever sleeping, as a program does that computes all the time."""
    clock = time.perf_counter_ns
    next_ns = clock()
    end_ns = next_ns + round(seconds * 1e9)
    while next_ns < end_ns:
        while (start_ns := clock()) < next_ns:
            pass
        call()
        durations.append(clock() - start_ns)
        next_ns = max(next_ns + 50_000, start_ns)


def main() -> None:
    """Run as the arguments say."""
    shape, mode, endpoint, seconds = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
    call, end = configured(mode, endpoint)
    work = paced if shape == "paced" else tight
    found = [array("q") for _ in range(THREADS if shape == "paced" else 1)]
    threads = [threading.Thread(target=work, args=(call, seconds, durations)) for durations in found]
    gc.collect()
    began_s = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    losses = end()
    spent_s = time.process_time() - began_s
    durations_ns = sorted(duration for durations in found for duration in durations)
    report: dict[str, Any] = {"cpu_s": spent_s, "calls": len(durations_ns), "losses": losses}
    for percent in (50, 99, 99.9, 99.99, 100):
        rank = max(1, -(-round(len(durations_ns) * percent * 100) // 10_000))
        report[f"p{percent:g}_ns"] = durations_ns[rank - 1]
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
