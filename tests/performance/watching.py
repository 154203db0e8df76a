"""What being watched costs a program: calls a second and slow calls, watched twice a second or not.

    python tests/performance/watching.py [--seconds 40]

Turns of a second each alternate, so that a noisy machine disturbs both alike. The figure to look at is the
ratio of the medians of the turns.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import latency_kit
from latency_kit.histogram import Histogram
from latency_kit.live import LiveConnection

SERIES = 50
TURN_S = 1.0


def main() -> None:
    """Measure, and print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=40.0, help="how long to measure in all")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="lk") as folder:
        path = Path(folder, "live.sock")
        with latency_kit.configure(service_name="watched", live=path):
            compare(path, turns=int(seconds / TURN_S / 2))


def compare(path: Path, *, turns: int) -> None:
    """Work in turns, watched and not; print what came of it."""
    calls = [measured(number) for number in range(SERIES)]
    rates: dict[str, list[float]] = {"not watched": [], "watched": []}
    durations = {name: Histogram() for name in rates}
    watcher = threading.Thread(
        target=watch, args=(path, ended := threading.Event(), looks := threading.Event(), seen := [])
    )
    watcher.start()
    for _ in range(turns):
        for name, found in rates.items():
            if name == "watched":
                looks.set()
            else:
                looks.clear()
            found.append(work(calls, durations[name]))
    ended.set()
    looks.set()
    watcher.join()
    assert len(seen) >= turns - 1, f"looked {len(seen)} times in {turns} turns"
    for name, found in rates.items():
        figures = durations[name].snapshot()
        print(  # noqa: T201  # for the person at the terminal
            f"{name:<12} {statistics.median(found):9.0f} calls/s, "
            + ", ".join(
                f"p{one:g} {figures.value_at_percentile(one) / 1000:.1f} us" for one in (50, 99, 99.9, 99.99)
            )
        )
    pairs = zip(rates["watched"], rates["not watched"], strict=True)
    ratio = statistics.median(watched / other for watched, other in pairs)
    print(f"{len(seen)} looks, the middle one took {1000 * statistics.median(seen):.0f} ms")  # noqa: T201
    print(f"watched / not watched: {ratio:.4f} of the calls")  # noqa: T201  # as above


def measured(number: int) -> Callable[[], int]:
    """Return a function of a series of its own that works some 10 us."""

    @latency_kit.measure_latency("work", f"step_{number}")
    def step() -> int:
        return sum(range(500))

    return step


def work(calls: list[Callable[[], int]], durations: Histogram) -> float:
    """Call for one turn; return the calls a second."""
    until = time.perf_counter() + TURN_S
    number = 0
    took: list[int] = []
    while time.perf_counter() < until:
        for call in calls:
            began_ns = time.perf_counter_ns()
            call()
            took.append(time.perf_counter_ns() - began_ns)
        number += len(calls)
    durations.record_many(took)
    return number / TURN_S


def watch(path: Path, ended: threading.Event, looks: threading.Event, seen: list[float]) -> None:
    """Look twice a turn while `looks` is set; note how long each look took."""
    with LiveConnection(path) as connection:
        while looks.wait() and not ended.wait(TURN_S / 2):
            began = time.perf_counter()
            connection.frame_data()
            seen.append(time.perf_counter() - began)


if __name__ == "__main__":
    main()
