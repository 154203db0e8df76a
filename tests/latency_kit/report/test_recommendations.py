"""Every piece of advice quotes the figure that it comes from; without cause there is none."""

from collections.abc import Callable

import pytest

from latency_kit.budget import Allotment, BudgetPolicy, FailureRule, LatencyBudget
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.recording import SeriesSnapshot
from latency_kit.report import recommend
from latency_kit.session import Session, TurnAccount

MakeSeries = Callable[..., SeriesSnapshot]
MakeSession = Callable[..., Session]
MakeTurn = Callable[..., TurnAccount]
MakeBudget = Callable[..., LatencyBudget]


def _texts(session: Session) -> list[str]:
    return [one.text for one in recommend(session)]


def test_a_run_that_kept_its_budgets_calls_for_nothing(
    make_session: MakeSession, make_series: MakeSeries, make_turn: MakeTurn, budget: MakeBudget
) -> None:
    session = make_session(
        BudgetPolicy((budget("turn.end_to_end", 200),)),
        series=(make_series("turn.end_to_end", [100] * 10),),
        accounts=(make_turn(2, hear=49, answer=49),) * 10,
        outcomes={"completed": 10, "dropped": 0, "failed": 0},
        losses={"spans_failed": 0},
    )
    assert recommend(session) == ()


def test_a_breached_budget_is_told_with_its_excess_and_how_many_calls_were_over(
    make_session: MakeSession, make_series: MakeSeries, budget: MakeBudget
) -> None:
    session = make_session(
        BudgetPolicy((budget("llm.generate", 100, percentile=50),)),
        series=(make_series("llm.generate", [80, 90, 125, 130, 140]),),
    )
    (found,) = recommend(session)
    assert found.about == "generate"
    assert found.text == (
        "Budget generate is breached; p50 is 125 ms, 25.0 ms (25 %) over the limit of 100 ms, "
        "3 of 5 calls over it: shorten llm.generate, or divide the budget anew."
    )


def test_a_budget_breached_by_failures_is_not_told_to_be_faster(
    make_session: MakeSession, make_series: MakeSeries, budget: MakeBudget
) -> None:
    series = (make_series("llm.generate", [10] * 3), make_series("llm.generate", [1] * 2, Outcome.ERROR))
    session = make_session(BudgetPolicy((budget("llm.generate", 100),)), series=series)
    assert _texts(session) == [
        (
            "Budget generate is breached; p95 falls among the 2 calls that failed, 2 of 5 calls over it: "
            "make llm.generate fail less before making it faster."
        )
    ]


def test_where_failures_count_by_duration_the_figure_may_be_that_of_a_failed_call(
    make_session: MakeSession, make_series: MakeSeries, budget: MakeBudget
) -> None:
    series = (make_series("llm.generate", [10] * 3), make_series("llm.generate", [150], Outcome.ERROR))
    policy = BudgetPolicy((budget("llm.generate", 100, failures=FailureRule.BY_DURATION),))
    (text,) = _texts(make_session(policy, series=series))
    assert "p95 is 150 ms, 50.0 ms (50 %) over the limit of 100 ms, 1 of 4 calls over it" in text


@pytest.mark.parametrize(
    ("outcome", "count", "said"),
    [
        ("dropped", 1, "1 of 20 turns was dropped: "),
        ("dropped", 3, "3 of 22 turns were dropped: "),
        ("failed", 1, "1 of 20 turns failed: "),
        ("timed out", 2, "2 of 21 turns timed out: "),
    ],
)
def test_turns_that_were_lost_are_told_of_all_turns(
    outcome: str, count: int, said: str, make_session: MakeSession
) -> None:
    (text,) = _texts(make_session(outcomes={"completed": 19, "cancelled": 0, outcome: count}))
    assert text.startswith(said)


def test_losses_of_telemetry_are_told_with_their_count(make_session: MakeSession) -> None:
    (text,) = _texts(make_session(losses={"spans_failed": 7, "calls_dropped": 0}))
    assert text.startswith("Telemetry lost 7 (spans_failed): ")


def test_a_stage_that_holds_more_than_all_else_is_named(
    make_session: MakeSession, make_turn: MakeTurn
) -> None:
    assert _texts(make_session(accounts=(make_turn(0, hear=400, answer=600),) * 3)) == [
        (
            "answer holds 60 % of a typical turn (600 ms of 1000 ms): "
            "begin there; everything else together holds less."
        )
    ]
    assert _texts(make_session(accounts=(make_turn(0, hear=500, answer=500),) * 3)) == []


def test_a_cold_first_call_is_told_against_the_median_of_the_later_ones(
    make_session: MakeSession, make_turn: MakeTurn
) -> None:
    warm = [make_turn(0, hear=40, answer=ms, show=40) for ms in (60, 70, 80)]
    cold = make_turn(0, hear=40, answer=150, show=40)
    assert _texts(make_session(accounts=(cold, *warm))) == [
        (
            "answer took 150 ms in the first turn, 70.0 ms in the median of the 3 later ones: "
            "warm it up before the first turn."
        )
    ]


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (139, [60, 70, 80]),  # less than twice the median
        (150, [60, 70, 160]),  # a later one took longer still
        (150, [60, 70]),  # too few to have a median
    ],
)
def test_a_first_call_within_what_later_ones_do_is_not_cold(
    first: int, later: list[int], make_session: MakeSession, make_turn: MakeTurn
) -> None:
    turns = (make_turn(0, a=99, answer=ms, b=99) for ms in (first, *later))
    assert _texts(make_session(accounts=tuple(turns))) == []


def test_a_cold_call_that_costs_next_to_nothing_is_not_told(
    make_session: MakeSession, make_turn: MakeTurn
) -> None:
    turns = [make_turn(0, a=100, b=100, dedup=3), *[make_turn(0, a=100, b=100, dedup=1)] * 5]
    assert _texts(make_session(accounts=tuple(turns))) == []


def test_an_uneven_series_is_told_with_its_slowest_trace(
    make_session: MakeSession, make_series: MakeSeries
) -> None:
    values = [2] * 98 + [24, 30]
    session = make_session(series=(make_series("db.query", values, trace_id=0xABC),))
    assert _texts(session) == [
        (
            "db.query is uneven: p99 is 24.0 ms, 12 times the p50 of 2.00 ms, over 100 calls: "
            "look for what its slow calls wait for, such as trace 00000000000000000000000000000abc."
        )
    ]


@pytest.mark.parametrize(
    "values",
    [
        [2] * 97 + [24, 30],  # fewer than 100 calls, so that p99 is the longest
        [2] * 98 + [9, 30],  # p99 less than five times p50
        [0.002] * 98 + [0.9, 30],  # less than 1 ms apart
    ],
)
def test_a_spread_without_weight_is_not_told(
    values: list[float], make_session: MakeSession, make_series: MakeSeries
) -> None:
    assert _texts(make_session(series=(make_series("db.query", values),))) == []


def test_a_spread_that_a_turn_cannot_feel_is_not_told(
    make_session: MakeSession, make_series: MakeSeries, make_turn: MakeTurn
) -> None:
    series = (make_series("db.query", [0.1] * 98 + [5, 6]),)
    assert _texts(make_session(series=series)) != []
    assert _texts(make_session(series=series, accounts=(make_turn(0, a=300, b=300),))) == []


def test_turns_that_are_not_accounted_for_are_told_with_the_largest_rest(
    make_session: MakeSession, make_turn: MakeTurn
) -> None:
    accounts = (make_turn(20, a=50, b=50), make_turn(40, a=990, b=980), make_turn(45, a=200, b=200))
    (text,) = _texts(make_session(accounts=accounts))
    assert text == (
        "1 of 3 turns spent more than 20 ms and 2.0 % outside all stages, at most 45.0 ms of 445 ms: "
        "measure what runs between the stages."
    )


def test_budgets_without_data_are_told_with_their_counts(
    make_session: MakeSession, make_series: MakeSeries, budget: MakeBudget
) -> None:
    policy = BudgetPolicy(
        (
            budget("a.few", 10),
            budget("a.fewer", 10, min_samples=20),
            budget("a.never", 10, allotments=(Allotment(budget=budget("a.spare", 5), optional=True),)),
        )
    )
    session = make_session(policy, series=(make_series("a.few", [1] * 3), make_series("a.fewer", [1])))
    assert _texts(session) == [
        "2 budgets have NO_DATA for want of calls (few 3 of 4, fewer 1 of 20): run longer.",
        (
            "1 budget has NO_DATA with 0 calls (never): "
            "nothing to do for stages that are not in use; the others are not measured."
        ),
    ]


def test_the_most_pressing_comes_first(assistant_session: Session) -> None:
    assert [one.about for one in recommend(assistant_session)] == [
        "end_to_end.final",
        "dropped",
        "failed",
        "spans_failed",
        "answer",
        "final",
        "NO_DATA",
        "NO_DATA",
    ]
