"""The overhead benchmark: what measuring costs, every peer measured in the same run, held to the bars.

    python tests/performance/overhead.py            # the whole table, some minute
    python tests/performance/overhead.py --quick    # without the programs under load, some 20 seconds
    python tests/performance/overhead.py --grace=2  # with all limits doubled, for a busy machine

It ends with exit code 1 where a bar is missed. Rounds of all contenders alternate, and the fastest round of
each counts: what slows a round down is the machine, never the code. Absolute figures drift from machine to
machine; the bars are ratios wherever they can be.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contenders import API, BARE, FULL, HISTOGRAM, OFF, PROMETHEUS, SDK, contenders, cost_ns
from off_path import own_off_path_ns, sdk_off_path_ns

__all__ = ["Bar", "fastest", "off_path_bar", "path_bars"]

HERE = Path(__file__).parent
CALLS = 2000
"""In one round: some milliseconds, little enough that the machine leaves most rounds alone."""

LOAD_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A limit and what was measured against it.

    Attributes:
        name: What is limited.
        measured: The figure.
        limit: The most that it may be.
        unit: Of both.
    """

    name: str
    measured: float
    limit: float
    unit: str

    @property
    def is_met(self) -> bool:
        """Whether the figure is within the limit."""
        return self.measured <= self.limit

    def __str__(self) -> str:
        verdict = "met" if self.is_met else "MISSED"
        return f"{verdict:7}{self.name:70}{self.measured:10.3g} {self.unit:6} limit {self.limit:.3g}"


def fastest(rounds: int) -> dict[str, float]:
    """Return what one call costs beyond the bare one, in nanoseconds by contender."""
    compared = contenders()
    best = {each.name: float("inf") for each in compared}
    for _ in range(rounds):
        for each in compared:
            best[each.name] = min(best[each.name], cost_ns(each, CALLS))
    bare_ns = best.pop(BARE)
    return {name: cost - bare_ns for name, cost in best.items()}


def path_bars(costs: dict[str, float]) -> list[Bar]:
    """Hold the costs on the caller's path to their bars."""
    return [
        Bar(
            name=f"{name} / {peer}",
            measured=100 * costs[name] / costs[peer],
            limit=100 / share,
            unit="%",
        )
        for name, peer, share in ((OFF, API, 25), (HISTOGRAM, PROMETHEUS, 4), (FULL, SDK, 8))
    ]


def off_path_bar(rounds: int) -> Bar:
    """Hold the CPU time off the path to its bar."""
    own = min(own_off_path_ns() for _ in range(rounds))
    sdk = min(sdk_off_path_ns() for _ in range(rounds))
    print(f"\noff the path, CPU time a span: ours {own:.0f} ns, the SDK's {sdk:.0f} ns")  # noqa: T201  # a script
    return Bar(name="CPU off the path / the SDK's", measured=100 * own / sdk, limit=25, unit="%")


def import_bar(rounds: int = 20) -> Bar:
    """Hold the time that `import latency_kit` takes to its bar, compiled modules being at hand as ever."""
    with tempfile.TemporaryDirectory() as compiled:
        environment = {
            **_environment(),
            "PYTHONPYCACHEPREFIX": compiled,
            "PYTHONDONTWRITEBYTECODE": "",
        }

        def took_s(code: str) -> float:
            began_s = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, env=environment)
            return time.perf_counter() - began_s

        alone, imported = float("inf"), float("inf")
        for _ in range(rounds):
            alone = min(alone, took_s("pass"))
            imported = min(imported, took_s("import latency_kit"))
    return Bar(name="import latency_kit", measured=1000 * (imported - alone), limit=30, unit="ms")


def load_bars() -> list[Bar]:
    """Hold programs under load, which export to a collector of their own, to their bars.

    The bar of the stalls is for the program that sleeps between its calls, as services do. One that never
    lets go of the interpreter is held up by any thread beside it, ours or the exporter's: it must first ask
    for its turn and then wait for it. That is printed beside what the SDK does to the same program.
    """
    bars = []
    with subprocess.Popen(
        [sys.executable, str(HERE / "collector_program.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_environment(),
    ) as collector:
        assert collector.stdin is not None  # piped
        assert collector.stdout is not None  # piped
        endpoint = collector.stdout.readline().strip()

        def received() -> int:
            collector.stdin.write("\n")
            collector.stdin.flush()
            return int(collector.stdout.readline())

        for shape, mode in [(s, m) for s in ("paced", "tight") for m in ("bare", "kit", "sdk")]:
            before = received()
            report = _under_load(shape, mode, endpoint)
            arrived = received() - before
            print(f"{shape:6}{mode:5}{_described(report)}, {arrived} spans arrived")  # noqa: T201  # a script
            if mode == "kit":
                lost = report["calls"] - arrived
                bars.append(Bar(name=f"spans lost, {shape}", measured=lost, limit=0, unit="spans"))
            if (shape, mode) == ("paced", "kit"):
                stall_us = report["p99.99_ns"] / 1000
                bars.append(Bar(name="p99.99 of a call", measured=stall_us, limit=50, unit="us"))
                share = 100 * report["cpu_s"] / LOAD_S
                bars.append(Bar(name="10 000 spans a second", measured=share, limit=6, unit="% CPU"))
        collector.stdin.close()
    return bars


def _under_load(shape: str, mode: str, endpoint: str) -> dict[str, Any]:
    program = [sys.executable, str(HERE / "load_program.py"), shape, mode, endpoint, str(LOAD_S)]
    ended = subprocess.run(program, check=True, capture_output=True, text=True, env=_environment())
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


def _described(report: dict[str, Any]) -> str:
    percentiles = ", ".join(
        f"{name.removesuffix('_ns')} {value / 1000:.1f} us"
        for name, value in report.items()
        if name.endswith("_ns")
    )
    return f"{100 * report['cpu_s'] / LOAD_S:6.1f} % CPU, {report['calls']} calls, {percentiles}"


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HERE.parents[1])}


def main() -> int:
    """Measure, print the table, and tell by the exit code whether every bar is met."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--quick", action="store_true", help="leave the programs under load out")
    options.add_argument("--grace", type=float, default=1.0, help="multiply every limit by this")
    chosen = options.parse_args()
    say: Callable[[str], None] = print
    costs = fastest(rounds=30)
    for name, cost in costs.items():
        say(f"{cost:9.0f} ns  {name}")
    bars = [*path_bars(costs), off_path_bar(rounds=8), import_bar()]
    if not chosen.quick:
        bars += load_bars()
    say("")
    bars = [replace(bar, limit=bar.limit * chosen.grace) for bar in bars]
    for bar in bars:
        say(str(bar))
    return 0 if all(bar.is_met for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
