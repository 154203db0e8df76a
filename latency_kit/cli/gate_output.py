"""What `latency-kit gate` prints: its progress, a table for people, JSON for programs."""

from collections.abc import Mapping, Sequence
from typing import Any, Self, TextIO

from latency_kit.gate import (
    TAIL_PERCENTILE,
    Benchmark,
    BenchmarkComparison,
    GateProgress,
    GateResult,
    LockStep,
    RatioVerdict,
    Verdict,
)
from latency_kit.report.console import BarColumn, Console, Progress, Table, Text, TextColumn, box
from latency_kit.units import NS_PER_MS, NS_PER_S, NS_PER_US

__all__ = ["TerminalProgress", "gate_data", "print_gate"]

_STYLES = {Verdict.SLOWER: "bold red", Verdict.FASTER: "green", Verdict.UNDECIDED: "yellow"}
_SHORT = 10
_WIDTH_WITHOUT_TERMINAL = 140


class TerminalProgress(GateProgress):
    """Says on a terminal how far it is, in a line that goes away; in a log, a line for each benchmark.

    * Nothing is drawn while a pair is measured: it would take time on some core.
    """

    def __init__(self, file: TextIO) -> None:
        self._console = Console(file=file, highlight=False, markup=False, emoji=False)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:.0f} of {task.total:.0f} pairs"),
            console=self._console,
            auto_refresh=False,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1, visible=False)
        self._said = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, text: str) -> None:
        """Say a step."""
        self._console.print(f"gate: {text} ...", soft_wrap=True)

    def compared(self, number: int, of: int, benchmark: Benchmark, pairs: int, planned: int) -> None:
        """Show how many pairs of a benchmark are measured."""
        title = f"{number}/{of} {benchmark.id}"
        if self._console.is_terminal:
            self._bar.update(self._task, description=title, completed=pairs, total=planned, visible=True)
            self._bar.refresh()
        elif number != self._said:
            self._said = number
            self.step(f"compares {title}")


def print_gate(result: GateResult, how: LockStep, *, file: TextIO | None = None) -> None:
    """Print a table of the benchmarks, and below it what became of all together."""
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH_WITHOUT_TERMINAL)
    candidate = f"{result.candidate_commit[:_SHORT]}{' as in the work tree' if result.is_work_tree else ''}"
    console.print(
        f"baseline {result.baseline_commit[:_SHORT]}, candidate {candidate}; "
        f"ratios of candidate to baseline with {how.rule.confidence:.0%} intervals",
        soft_wrap=True,
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("Benchmark", "Baseline", "Median", "", f"p{TAIL_PERCENTILE:g}", "", "Pairs"):
        is_figure = title in {"Baseline", "Pairs"}
        table.add_column(title, justify="right" if is_figure else "left", overflow="fold")
    for one in result.comparisons:
        table.add_row(
            one.benchmark.id,
            _duration(one.baseline_median_ns),
            _ratio(one.median),
            _word(one.median.verdict),
            _ratio(one.tail),
            _word(one.tail.verdict),
            str(len(one.pairs)),
        )
    console.print(table)
    for line in _closing_lines(result, how):
        console.print(line, soft_wrap=True)


def gate_data(result: GateResult, how: LockStep) -> Mapping[str, Any]:
    """Return the result as plain data for JSON."""
    return {
        "baseline_commit": result.baseline_commit,
        "candidate_commit": result.candidate_commit,
        "is_work_tree": result.is_work_tree,
        "confidence": how.rule.confidence,
        "median_threshold": how.rule.median_threshold,
        "p99_threshold": how.rule.tail_threshold,
        "core": how.core,
        "regressed": [one.benchmark.id for one in result.regressed],
        "benchmarks": [
            {
                "benchmark": one.benchmark.id,
                "verdict": one.verdict,
                "baseline_median_ns": round(one.baseline_median_ns, 1),
                "candidate_median_ns": round(one.candidate_median_ns, 1),
                "median": _verdict_data(one.median),
                "p99": _verdict_data(one.tail),
                "pairs": len(one.pairs),
                "samples": sum(pair.samples for pair in one.pairs),
                "calls_together": one.calls_together,
            }
            for one in result.comparisons
        ],
        "not_compared": [{"benchmark": one.benchmark.id, "reason": one.reason} for one in result.uncompared],
    }


def _verdict_data(one: RatioVerdict) -> Mapping[str, Any]:
    figures = {"ratio": one.ratio, "lower": one.lower, "upper": one.upper}
    known = {name: round(figure, 5) for name, figure in figures.items() if figure is not None}
    return {"verdict": one.verdict, **known, "pairs": one.pairs}


def _closing_lines(result: GateResult, how: LockStep) -> Sequence[str]:
    lines = [
        f"not compared, the baseline cannot run it: {one.benchmark.id}: {one.reason}"
        for one in result.uncompared
    ]
    together = [one for one in result.comparisons if one.calls_together > 1]
    lines += [f"{one.benchmark.id}: timed {one.calls_together} calls at a time" for one in together]
    if how.core is None:
        lines.append("this system pins no process to a core: what is small is found less often")
    count = len(result.comparisons)
    if result.regressed:
        lines.append(f"slower: {', '.join(one.benchmark.id for one in result.regressed)}")
    else:
        lines.append(f"none of {count} {'benchmark' if count == 1 else 'benchmarks'} is slower")
    undecided = [one.benchmark.id for one in result.comparisons if _is_undecided(one)]
    if undecided:
        lines.append(f"undecided: {', '.join(undecided)}; more pairs (--pairs, --seconds) may decide")
    return lines


def _is_undecided(one: BenchmarkComparison) -> bool:
    return Verdict.UNDECIDED in {one.median.verdict, one.tail.verdict}


def _word(verdict: Verdict) -> Text:
    return Text(str(verdict), style=_STYLES.get(verdict, ""))


def _ratio(one: RatioVerdict) -> str:
    if one.ratio is None:
        return ""
    if one.lower is None or one.upper is None:
        return f"{one.ratio:.3f}"
    return f"{one.ratio:.3f} ({one.lower:.3f} to {one.upper:.3f})"


def _duration(nanoseconds: float) -> str:
    for unit, size in (("s", NS_PER_S), ("ms", NS_PER_MS), ("us", NS_PER_US)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"
