"""Pairs of workers in lock step: what their batches say, and when the comparison ends."""

import random
from math import exp, log
from pathlib import Path
from typing import Any

import pytest

from latency_kit.gate import (
    Benchmark,
    BenchmarkComparison,
    DecisionRule,
    LockStep,
    LockStepPlan,
    PairFigures,
    Verdict,
    Version,
)
from latency_kit.gate.lock_step import Batching, figures_of
from latency_kit.gate.lock_step_comparison import compare_in_lock_step
from latency_kit.gate.worker_process import Batches, BatchRequest
from latency_kit.testing import FakeClock

PLAN = LockStepPlan(fewest_tail_samples=200)
BENCHMARK = Benchmark(file="bench_x.py", name="bench_x")
BATCHING = Batching(batch=BatchRequest(), rounds=1)
HERE = Version(label="baseline", checkout=Path(), python=Path("python"), import_paths=())


def batches(medians: list[int], *, samples: int = 3, disturbed: list[int] | None = None) -> Batches:
    """Batches of equal samples, after the four of the rounds that warm up, which are slow."""
    durations = [[10**9] * samples] * 4 + [[one] * samples for one in medians]
    return Batches(durations_ns=durations, disturbed=[0] * 4 + (disturbed or [0] * len(medians)))


def test_the_ratio_is_the_median_of_the_rounds_so_that_drift_and_a_disturbed_round_cancel_out() -> None:
    # In each round the machine is half as fast as before, and the candidate takes 3 % more; one is disturbed.
    old = [1000, 1000, 2000, 2000, 4000, 4000, 8000, 99_000]
    new = [1030, 1030, 2060, 2060, 4120, 4120, 8240, 8240]
    figures = figures_of(batches(old), batches(new), calls=10, plan=PLAN)
    assert exp(figures.log_median_ratio) == pytest.approx(1.03)
    assert figures.baseline_median_ns == pytest.approx(300)
    assert figures.candidate_median_ns == pytest.approx(309)
    assert figures.samples == 8 * 3
    assert figures.log_tail_ratio is None


def test_the_tail_is_the_percentile_of_all_samples_by_the_ceil_rank_rule() -> None:
    old = Batches(durations_ns=[[1]] * 4 + [list(range(1, 201))] * 2, disturbed=[0] * 6)
    new = Batches(durations_ns=[[1]] * 4 + [list(range(2, 401, 2))] * 2, disturbed=[0] * 6)
    figures = figures_of(old, new, calls=2, plan=PLAN)
    assert (figures.baseline_tail_ns, figures.candidate_tail_ns) == (99, 198)
    assert figures.log_tail_ratio == pytest.approx(log(2))


def test_batches_in_which_something_else_took_the_core_are_no_part_of_the_tail() -> None:
    old = batches([1000] * 8, samples=50)
    new = batches([1000] * 7 + [9000], samples=50, disturbed=[0] * 7 + [1])
    assert figures_of(old, new, calls=1, plan=PLAN).log_tail_ratio == 0


def test_where_that_is_so_in_most_batches_all_of_them_count() -> None:
    old = batches([1000] * 8, samples=50)
    new = batches([1000] * 7 + [9000], samples=50, disturbed=[2] * 8)
    assert figures_of(old, new, calls=1, plan=PLAN).log_tail_ratio == pytest.approx(log(9))


def test_a_round_in_which_the_machine_was_slow_is_not_the_tail() -> None:
    # The last round is half as fast, and one batch of it does not count; the tail itself is equal.
    slow_path = [*[1000] * 49, 3000]
    old = Batches(
        durations_ns=[[1]] * 4 + [slow_path] * 6 + [[2 * one for one in slow_path]] * 2,
        disturbed=[0] * 11 + [1],
    )
    new = Batches(
        durations_ns=[[1]] * 4 + [slow_path] * 6 + [[2 * one for one in slow_path]] * 2,
        disturbed=[0] * 12,
    )
    figures = figures_of(old, new, calls=1, plan=PLAN)
    assert figures.log_tail_ratio == 0
    assert (figures.baseline_tail_ns, figures.candidate_tail_ns) == (3000, 3000)


class Machine:
    """Gives the pairs of a simulated machine, each of which takes a second."""

    def __init__(self, ratio: float, tail: float | None, *, spread: float = 0.01) -> None:
        self.clock = FakeClock()
        self._ratio, self._tail, self._spread = ratio, tail, spread
        self._source = random.Random(6)  # noqa: S311  # statistics, not secrets

    def measure(self, *_: object, **__: object) -> tuple[PairFigures, Batching]:
        self.clock.advance(ms=1000)
        noise = self._source.uniform(-self._spread, self._spread)
        figures = PairFigures(
            log_median_ratio=log(self._ratio) + noise,
            baseline_median_ns=1000,
            candidate_median_ns=1000 * self._ratio,
            samples=500,
            log_tail_ratio=None if self._tail is None else log(self._tail) + noise,
        )
        return figures, BATCHING

    def compare(self, seen: list[tuple[int, int]] | None = None, **how: Any) -> BenchmarkComparison:
        def each(pairs: int, planned: int) -> None:
            if seen is not None:
                seen.append((pairs, planned))

        return compare_in_lock_step(
            BENCHMARK,
            HERE,
            HERE,
            how=LockStep(clock=self.clock, **how),
            source=random.Random(7),  # noqa: S311  # as above
            each=each,
            measure=self.measure,
        )


def test_it_ends_at_the_first_look_that_decides_both() -> None:
    seen: list[tuple[int, int]] = []
    result = Machine(1.03, 1.0).compare(seen)
    assert (result.median.verdict, result.tail.verdict) == (Verdict.SLOWER, Verdict.NO_CHANGE)
    assert result.verdict is Verdict.SLOWER
    assert seen == [(number, 8) for number in range(1, 9)]


def test_it_goes_on_for_what_is_undecided_and_ends_at_the_last_look() -> None:
    result = Machine(1.0, 1.0, spread=0.9).compare()
    assert len(result.pairs) == 40
    assert result.verdict is Verdict.UNDECIDED
    result = Machine(1.0, 1.0, spread=0.9).compare(rule=DecisionRule(looks=(8, 10)))
    assert len(result.pairs) == 10


def test_it_begins_no_pair_after_the_time_and_then_judges_what_it_has() -> None:
    result = Machine(2.0, 1.0).compare(most_ns=3 * 10**9 + 1)
    assert len(result.pairs) == 4
    assert (result.median.verdict, result.median.lower) == (Verdict.UNDECIDED, None)


def test_a_tail_of_too_few_calls_is_said_to_be_so_and_holds_nothing_up() -> None:
    result = Machine(1.0, None).compare()
    assert (result.tail.verdict, result.tail.ratio) == (Verdict.TOO_FEW, None)
    assert len(result.pairs) == 8
    assert result.verdict is Verdict.NO_CHANGE


def test_a_worse_tail_alone_makes_a_benchmark_slower_and_a_better_one_faster() -> None:
    assert Machine(1.0, 1.2).compare().verdict is Verdict.SLOWER
    assert Machine(1.0, 0.8).compare().verdict is Verdict.FASTER
