import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_kit.budget import (
    Allotment,
    BudgetEvaluation,
    BudgetPolicy,
    FailureRule,
    JudgedSeries,
    LatencyBudget,
    Verdict,
    evaluate,
)
from latency_kit.errors import NoDataError
from latency_kit.histogram import Histogram, HistogramSnapshot
from latency_kit.measurement.measurement import Outcome

BuildBudget = Callable[..., LatencyBudget]
BuildSeries = Callable[..., JudgedSeries]


MS = 1_000_000
FAILED = [outcome for outcome in Outcome if outcome is not Outcome.OK]


def judge(one_budget: LatencyBudget, *recorded: JudgedSeries) -> BudgetEvaluation:
    (evaluation,) = evaluate(BudgetPolicy([one_budget]), recorded)
    return evaluation


def ms(*values: int) -> list[int]:
    return [value * MS for value in values]


def test_a_budget_is_met_when_its_percentile_is_at_most_the_limit(
    budget: BuildBudget, series: BuildSeries
) -> None:
    evaluation = judge(budget(limit_ms=19), series(ms(*range(1, 21))))  # p95 of 1..20 is 19
    assert (evaluation.verdict, evaluation.observed_ms) == (Verdict.MET, 19.0)
    assert (evaluation.count, evaluation.failed_count, evaluation.over_limit_count) == (20, 0, 1)


def test_a_budget_is_breached_when_its_percentile_is_over_the_limit(
    budget: BuildBudget, series: BuildSeries
) -> None:
    evaluation = judge(budget(limit_ms=18), series(ms(*range(1, 21))))
    assert (evaluation.verdict, evaluation.observed_ms, evaluation.over_limit_count) == (
        Verdict.BREACHED,
        19.0,
        2,
    )


def test_the_rank_is_rounded_up_so_that_p94_of_ten_calls_is_the_tenth(
    budget: BuildBudget, series: BuildSeries
) -> None:
    evaluation = judge(budget(limit_ms=9, percentile=94, min_samples=1), series(ms(*range(1, 11))))
    assert (evaluation.verdict, evaluation.observed_ms) == (Verdict.BREACHED, 10.0)


def test_a_percentile_is_the_decimal_that_was_written(budget: BuildBudget, series: BuildSeries) -> None:
    evaluation = judge(budget(limit_ms=999, percentile=99.9), series(ms(*range(1, 1001))))
    assert (evaluation.verdict, evaluation.observed_ms) == (Verdict.MET, 999.0)


@pytest.mark.parametrize(("count", "verdict"), [(0, "NO_DATA"), (7, "NO_DATA"), (8, "MET")])
def test_below_the_minimum_of_samples_there_is_no_verdict(
    budget: BuildBudget, series: BuildSeries, count: int, verdict: str
) -> None:
    evaluation = judge(budget(min_samples=8), series(ms(*[5] * count)))
    assert (evaluation.verdict, evaluation.count) == (verdict, count)


def test_too_few_calls_give_no_verdict_even_when_all_of_them_are_over_the_limit(
    budget: BuildBudget, series: BuildSeries
) -> None:
    evaluation = judge(budget(limit_ms=1, min_samples=8), series(ms(5, 5)))
    assert (evaluation.verdict, evaluation.over_limit_count, evaluation.observed_ms) == (
        Verdict.NO_DATA,
        2,
        5.0,
    )


def test_without_any_call_there_is_no_figure(budget: BuildBudget, series: BuildSeries) -> None:
    for evaluation in (judge(budget()), judge(budget(), series([]))):
        assert not evaluation.is_observed
        with pytest.raises(NoDataError, match=r"nothing was recorded for 'llm\.answer'"):
            evaluation.observed_ns  # noqa: B018  # reading it raises


# --- failed calls ---------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", FAILED)
def test_a_failed_call_stays_in_the_denominator_and_counts_as_over_the_limit_however_fast(
    budget: BuildBudget, series: BuildSeries, outcome: Outcome
) -> None:
    good = series(ms(*[100] * 18))
    evaluation = judge(budget(limit_ms=1000), good, series([1, 1], outcome))
    assert (evaluation.count, evaluation.failed_count, evaluation.over_limit_count) == (20, 2, 2)
    assert evaluation.verdict is Verdict.BREACHED
    assert not evaluation.is_observed
    with pytest.raises(NoDataError, match="p95 falls among the 2 of 20 calls that failed"):
        evaluation.observed_ns  # noqa: B018  # reading it raises


def test_failed_calls_stand_above_all_others_so_that_failing_fast_makes_no_percentile_better(
    budget: BuildBudget, series: BuildSeries
) -> None:
    evaluation = judge(
        budget(limit_ms=1000, percentile=50, min_samples=1),
        series(ms(*range(1, 11))),
        series([1] * 8, Outcome.ERROR),
    )
    assert evaluation.observed_ms == 9.0  # the ninth of 18, the failed ones being the last eight
    assert evaluation.verdict is Verdict.MET


def test_an_outage_of_nothing_but_failures_is_a_breach_and_not_missing_data(
    budget: BuildBudget, series: BuildSeries
) -> None:
    assert judge(budget(), series([1] * 20, Outcome.TIMED_OUT)).verdict is Verdict.BREACHED


@pytest.mark.parametrize("outcome", FAILED)
def test_by_duration_a_failed_call_counts_as_a_good_one_does(
    budget: BuildBudget, series: BuildSeries, outcome: Outcome
) -> None:
    by_duration = budget(limit_ms=1000, failures=FailureRule.BY_DURATION)
    fast = judge(by_duration, series(ms(*[100] * 18)), series(ms(1, 1), outcome))
    assert (fast.verdict, fast.observed_ms, fast.over_limit_count) == (Verdict.MET, 100.0, 0)
    slow = judge(by_duration, series(ms(*[100] * 18)), series(ms(1500, 2000), outcome))
    assert (slow.verdict, slow.observed_ms, slow.over_limit_count) == (Verdict.BREACHED, 1500.0, 2)
    assert slow.failed_count == 2


def exact_percentile(values: list[float], percentile: int) -> float:
    return sorted(values)[max(1, math.ceil(percentile * len(values) / 100)) - 1]


@given(
    by_outcome=st.dictionaries(
        st.sampled_from(Outcome), st.lists(st.integers(0, 2000), min_size=1, max_size=30), min_size=1
    ),
    percentile=st.integers(1, 100),
    limit_ns=st.integers(1, 2000),
)
def test_over_all_outcomes_together_the_figure_is_the_exact_order_statistic(
    by_outcome: dict[Outcome, list[int]], percentile: int, limit_ns: int
) -> None:
    # Below 2048 a histogram of three figures tells every nanosecond apart, so the truth is exact.
    recorded = []
    for outcome, values in by_outcome.items():
        histogram = Histogram()
        histogram.record_many(values)
        recorded.append(Recorded(outcome, histogram.snapshot()))
    everyone = [value for values in by_outcome.values() for value in values]
    failed_last = [
        value if outcome is Outcome.OK else math.inf
        for outcome, values in by_outcome.items()
        for value in values
    ]
    for rule, truth in ((FailureRule.BY_DURATION, everyone), (FailureRule.OVER_LIMIT, failed_last)):
        evaluation = judge(
            LatencyBudget(
                name="x",
                component="llm",
                operation="answer",
                limit_ns=limit_ns,
                percentile=percentile,
                min_samples=1,
                failures=rule,
            ),
            *recorded,
        )
        expected = exact_percentile(truth, percentile)
        assert evaluation.is_observed == (expected != math.inf)
        if evaluation.is_observed:
            assert evaluation.observed_ns == expected
        assert evaluation.verdict == ("MET" if expected <= limit_ns else "BREACHED")
        assert evaluation.over_limit_count == sum(value > limit_ns for value in truth)


class Recorded:
    component, operation = "llm", "answer"

    def __init__(self, outcome: Outcome, histogram: HistogramSnapshot) -> None:
        self.outcome = outcome
        self.histogram = histogram


def test_a_value_that_shares_the_limits_bucket_never_contradicts_the_verdict(
    budget: BuildBudget,
) -> None:
    histogram = Histogram()
    histogram.record_many([3_000_000_000] * 20)
    evaluation = judge(budget(limit_ms=3000), Recorded(Outcome.OK, histogram.snapshot()))
    assert (evaluation.verdict, evaluation.observed_ns) == (Verdict.MET, 3_000_000_000)


def test_no_figure_exceeds_the_longest_call(budget: BuildBudget) -> None:
    histogram = Histogram()
    histogram.record_many([3_000_000_001] * 20)
    for limit_ms in (1000, 5000):
        evaluation = judge(budget(limit_ms=limit_ms), Recorded(Outcome.OK, histogram.snapshot()))
        assert evaluation.observed_ns == 3_000_000_001


# --- a whole policy -------------------------------------------------------------------------------


def test_every_budget_of_the_tree_is_judged_on_its_own_series_in_order(
    budget: BuildBudget, series: BuildSeries
) -> None:
    whole = budget(
        "whole",
        100,
        min_samples=1,
        allotments=[
            Allotment(budget=budget("slow", 20, min_samples=1)),
            Allotment(budget=budget("absent", 20), optional=True),
        ],
    )
    verdicts = evaluate(
        BudgetPolicy([whole]),
        [
            series(ms(30), operation="slow"),
            series(ms(50), operation="whole"),
            series(ms(500), operation="whole", component="other"),
        ],
    )
    assert [(one.name, one.verdict, one.placed.optional) for one in verdicts] == [
        ("whole", Verdict.MET, False),
        ("whole.slow", Verdict.BREACHED, False),
        ("whole.absent", Verdict.NO_DATA, True),
    ]


def test_series_of_one_outcome_that_differ_in_attributes_are_judged_together(
    budget: BuildBudget, series: BuildSeries
) -> None:
    evaluation = judge(budget(percentile=50, min_samples=4), series(ms(1, 4)), series(ms(2, 3)))
    assert (evaluation.count, evaluation.observed_ms) == (4, 2.0)


def test_an_evaluation_says_in_one_line_what_became_of_the_budget(
    budget: BuildBudget, series: BuildSeries
) -> None:
    good = series(ms(*[1200] * 19))
    assert judge(budget(), good, series(ms(1200))).describe() == (
        "answer: MET, p95 is 1200.0 ms of 3000 ms, 20 calls"
    )
    assert judge(budget(limit_ms=1000), good, series([1], Outcome.ERROR)).describe() == (
        "answer: BREACHED, p95 is 1200.0 ms of 1000 ms, 20 calls, 1 of them failed"
    )
    assert judge(budget(), good, series([1, 1], Outcome.ERROR)).describe() == (
        "answer: BREACHED, p95 is a failed call, limit 3000 ms, 21 calls, 2 of them failed"
    )
    assert (
        judge(budget(), series(ms(1))).describe() == "answer: NO_DATA, 1 call of the 20 needed, limit 3000 ms"
    )
