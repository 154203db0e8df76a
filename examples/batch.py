"""A batch job on a process pool: what each file took, in the worker and in all, as percentiles and as CSV.

Run it with `python examples/batch.py`.
"""

import hashlib
import time
from concurrent.futures import ProcessPoolExecutor

import latency_kit
from latency_kit.storage import export_csv

FILES = {f"part-{number:02}": number * 50_000 for number in range(1, 17)}


def digest(size: int) -> tuple[str, int]:
    """Work in another process: return the result and how long it took there."""
    start_ns = time.perf_counter_ns()
    result = hashlib.sha256(bytes(size)).hexdigest()
    return result, time.perf_counter_ns() - start_ns


def main() -> None:
    with (
        latency_kit.configure(jsonl="performance.jsonl") as telemetry,
        ProcessPoolExecutor(max_workers=2) as pool,
        latency_kit.measure_latency("batch", "run"),
    ):
        submitted_ns = latency_kit.now_ns()
        futures = {name: pool.submit(digest, size) for name, size in FILES.items()}
        for name, future in futures.items():
            _, work_ns = future.result()
            end_ns = latency_kit.now_ns()
            tell = {"attributes": {"file": name}, "end_ns": end_ns}
            latency_kit.record("batch", "digest", start_ns=end_ns - work_ns, **tell)
            latency_kit.record("batch", "turnaround", start_ns=submitted_ns, **tell)
        for series in telemetry.snapshot():
            p50, p95 = (series.histogram.value_at_percentile(at) / 1e6 for at in (50, 95))
            count = series.histogram.count
            print(f"batch.{series.operation:<10} {count:>3} calls  p50 {p50:8.3f} ms  p95 {p95:8.3f} ms")
    print(export_csv("performance.jsonl", "performance.csv"), "measurements in performance.csv")


if __name__ == "__main__":
    main()
