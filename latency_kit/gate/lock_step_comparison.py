"""One benchmark in both versions: pair after pair, until the rule has decided or a bound is reached."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median

from latency_kit.clock import SYSTEM_CLOCK, Clock
from latency_kit.gate.lock_step import Batching, LockStepPlan, PairFigures, measure_pair
from latency_kit.gate.verdict import DecisionRule, RatioVerdict, Verdict
from latency_kit.gate.worker_process import Benchmark, Version
from latency_kit.units import NS_PER_S

__all__ = ["DEFAULT_MOST_NS", "BenchmarkComparison", "LockStep", "compare_in_lock_step"]

DEFAULT_MOST_NS = 60 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkComparison:
    """What became of one benchmark.

    Attributes:
        benchmark: Which.
        median: The ratio of the median times.
        tail: The ratio of the 99th percentiles.
        pairs: Of all pairs measured, in order.
        calls_together: How many calls were timed together, where one is too short to be timed alone; the
            tail is then of those together.
    """

    benchmark: Benchmark
    median: RatioVerdict
    tail: RatioVerdict
    pairs: tuple[PairFigures, ...]
    calls_together: int

    @property
    def verdict(self) -> Verdict:
        """What both say together: slower if one is, then faster if one is, and no change only if neither."""
        said = {self.median.verdict, self.tail.verdict} - {Verdict.TOO_FEW}
        for verdict in (Verdict.SLOWER, Verdict.FASTER, Verdict.UNDECIDED):
            if verdict in said:
                return verdict
        return Verdict.NO_CHANGE

    @property
    def baseline_median_ns(self) -> float:
        """The median time of a call of the baseline: the median of the pairs'."""
        return median(pair.baseline_median_ns for pair in self.pairs)

    @property
    def candidate_median_ns(self) -> float:
        """The same of the candidate."""
        return median(pair.candidate_median_ns for pair in self.pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockStep:
    """How to compare: the rule, the plan of a pair and the bounds.

    Attributes:
        rule: Decides.
        plan: Of each pair.
        most_ns: After which time no further look is begun.
        core: Where both versions run; None to leave it to the system.
        clock: By which the time is told.
    """

    rule: DecisionRule = field(default_factory=DecisionRule)
    plan: LockStepPlan = field(default_factory=LockStepPlan)
    most_ns: int = DEFAULT_MOST_NS
    core: int | None = None
    clock: Clock = SYSTEM_CLOCK


def compare_in_lock_step(
    benchmark: Benchmark,
    baseline: Version,
    candidate: Version,
    *,
    how: LockStep,
    source: Random,
    each: Callable[[int, int], None] = lambda _done, _planned: None,
    measure: Callable[..., tuple[PairFigures, Batching]] = measure_pair,
) -> BenchmarkComparison:
    """Compare a benchmark in two versions.

    Args:
        benchmark: What to call.
        baseline: The version it is compared with.
        candidate: The version that is judged.
        how: Rule, plan and bounds.
        source: Of hash seeds and orders.
        each: Is told after each pair how many there are, and up to how many the next look is.
        measure: Measures one pair.

    Raises:
        BenchmarkFailedError: A version cannot run the benchmark.
    """
    pairs: list[PairFigures] = []
    batching: Batching | None = None
    end_ns = how.clock.monotonic_ns() + how.most_ns
    for look in how.rule.looks:
        while len(pairs) < look:
            if len(pairs) > 0 and how.clock.monotonic_ns() >= end_ns:
                return _concluded(benchmark, pairs, batching, how.rule)
            figures, batching = measure(
                benchmark,
                baseline,
                candidate,
                plan=how.plan,
                batching=batching,
                core=how.core,
                source=source,
            )
            pairs.append(figures)
            each(len(pairs), look)
        result = _concluded(benchmark, pairs, batching, how.rule)
        if Verdict.UNDECIDED not in {result.median.verdict, result.tail.verdict}:
            break
    return result


def _concluded(
    benchmark: Benchmark, pairs: Sequence[PairFigures], batching: Batching | None, rule: DecisionRule
) -> BenchmarkComparison:
    tails = [pair.log_tail_ratio for pair in pairs if pair.log_tail_ratio is not None]
    if len(tails) < len(pairs):
        tail = RatioVerdict(verdict=Verdict.TOO_FEW, pairs=len(pairs))
    else:
        tail = rule.judge(tails, rule.tail_threshold)
    return BenchmarkComparison(
        benchmark=benchmark,
        median=rule.judge([pair.log_median_ratio for pair in pairs], rule.median_threshold),
        tail=tail,
        pairs=tuple(pairs),
        calls_together=1 if batching is None else batching.batch.calls,
    )
