"""What a report says does not depend on how it is shown."""

from collections.abc import Callable

import pytest

from latency_kit.budget import BudgetPolicy, LatencyBudget
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.recording import SeriesSnapshot
from latency_kit.report import compose
from latency_kit.report.content import ComponentRow, EndToEndRow, TurnRow
from latency_kit.session import Session, TurnAccount

MakeSeries = Callable[..., SeriesSnapshot]
MakeSession = Callable[..., Session]
MakeTurn = Callable[..., TurnAccount]
MakeBudget = Callable[..., LatencyBudget]


def test_the_end_to_end_figures_are_the_exact_order_statistics(
    make_session: MakeSession, make_series: MakeSeries, budget: MakeBudget
) -> None:
    session = make_session(
        BudgetPolicy((budget("turn.end_to_end", 200),)),
        series=(make_series("turn.end_to_end", range(1, 201)),),
    )
    content = compose(session)
    assert content.end_to_end == (
        EndToEndRow(figure="p50", value="100 ms"),
        EndToEndRow(figure="p95", value="190 ms", target="200 ms", status="MET"),
        EndToEndRow(figure="p99", value="198 ms"),
        EndToEndRow(figure="max", value="200 ms"),
    )
    assert content.end_to_end_lines == ("Over 200 calls of turn.end_to_end.",)


def test_a_target_at_another_percentile_stands_at_that_percentile(
    make_session: MakeSession, make_series: MakeSeries, budget: MakeBudget
) -> None:
    policy = BudgetPolicy(
        (
            budget("turn.end_to_end", 50, name="most", percentile=90),
            budget("turn.end_to_end", 300, name="nearly_all", percentile=99),
        )
    )
    rows = compose(make_session(policy, series=(make_series("turn.end_to_end", range(1, 101)),))).end_to_end
    assert [(row.figure, row.value, row.target, row.status) for row in rows] == [
        ("p50", "50.0 ms", "-", "-"),
        ("p90", "90.0 ms", "50 ms", "BREACHED"),
        ("p95", "95.0 ms", "-", "-"),
        ("p99", "99.0 ms", "300 ms", "MET"),
        ("max", "100 ms", "-", "-"),
    ]


def test_failed_turns_stay_in_the_denominator_above_all_others(
    make_session: MakeSession, make_series: MakeSeries, budget: MakeBudget
) -> None:
    session = make_session(
        BudgetPolicy((budget("turn.end_to_end", 4000),)),
        series=(
            make_series("turn.end_to_end", [500] * 9),
            make_series("turn.end_to_end", [1], Outcome.TIMED_OUT),
        ),
    )
    content = compose(session)
    assert [row.value for row in content.end_to_end] == ["500 ms", "failed", "failed", "500 ms"]
    assert content.end_to_end[1].status == "BREACHED"
    assert content.end_to_end_lines[1].startswith("1 of them did not end well.")


def test_no_figure_exceeds_the_maximum(make_session: MakeSession, make_series: MakeSeries) -> None:
    # 4310.4 ms lies in a bucket that ends at 4311.7 ms.
    rows = compose(make_session(series=(make_series("turn.end_to_end", [4310.4]),))).end_to_end
    assert {row.value for row in rows} == {"4310 ms"}


def test_components_stand_in_the_order_of_the_policy_then_those_without_a_budget(
    make_session: MakeSession, make_series: MakeSeries, budget: MakeBudget
) -> None:
    policy = BudgetPolicy(
        (
            budget("b.two", 10),
            budget("a.one", 10),
            budget("a.one", 20, name="one_p99", percentile=99),
            budget("c.never", 5),
        )
    )
    series = (
        make_series("a.one", [4, 6, 12, 15, 16]),
        make_series("b.two", [3] * 3),
        make_series("z.free", [1], Outcome.ERROR),
        make_series("z.free", [2] * 3),
    )
    content = compose(make_session(policy, series=series))
    assert content.components == (
        _row("b.two", "3", "3.00 ms", "3.00 ms", "10 ms", "NO_DATA"),
        _row("a.one", "5", "12.0 ms", "16.0 ms", "10 ms", "BREACHED"),
        _row("a.one", "5", "12.0 ms", "16.0 ms", "p99 20 ms", "MET"),
        _row("c.never", "0", "-", "-", "5 ms", "NO_DATA"),
        _row("z.free", "4", "2.00 ms", "failed", "-", "-"),
    )
    assert content.component_lines == (
        "failed: the percentile falls among calls that did not end well, which stand on top.",
    )


def _row(*cells: str) -> ComponentRow:
    return ComponentRow(**dict(zip(("name", "calls", "p50", "p95", "budget", "status"), cells, strict=True)))


def test_the_four_outcomes_are_always_counted_and_others_where_there_are_any(
    make_session: MakeSession,
) -> None:
    content = compose(make_session(outcomes={"failed": 1, "completed": 3, "timed out": 1}))
    assert content.turns == (
        TurnRow(outcome="completed", turns="3", share="60 %"),
        TurnRow(outcome="dropped", turns="0", share="0 %"),
        TurnRow(outcome="cancelled", turns="0", share="0 %"),
        TurnRow(outcome="failed", turns="1", share="20 %"),
        TurnRow(outcome="timed out", turns="1", share="20 %"),
    )
    assert content.turn_line == "5 turns in all."


def test_the_bottlenecks_name_stage_figure_and_share(assistant_session: Session) -> None:
    assert compose(assistant_session).bottleneck_lines == (
        "p95 is 1300 ms; all of the excess is final.",
        (
            "A slow turn takes 655 ms longer than a typical one; "
            "with 1 slow turn no interval can be given, 10 are needed."
        ),
        "answer holds the most of a typical turn: 345 ms of 645 ms (53 %).",
        "final holds the most of the slowest turn: 900 ms of 1300 ms (69 %).",
        "Unexplained rest between stages: p50 20.0 ms, max 20.0 ms.",
        (
            "Typical: 6 of 10 turns, around the median; slow: the slowest one. "
            "Means over the same turns, so that each column adds up."
        ),
    )


def test_the_share_of_the_excess_is_told_where_it_is_a_share(
    make_session: MakeSession, make_turn: MakeTurn
) -> None:
    accounts = (make_turn(10, hear=30, answer=60),) * 3 + (make_turn(20, hear=30, answer=150),)
    lines = compose(make_session(accounts=accounts)).bottleneck_lines
    assert lines[0] == "p95 is 200 ms; 90 % of the excess is answer."
    assert lines[1].startswith("A slow turn takes 100 ms longer than a typical one; ")


def test_a_single_turn_is_not_compared_with_itself(make_session: MakeSession, make_turn: MakeTurn) -> None:
    assert compose(make_session(accounts=(make_turn(1, answer=9),))).bottleneck_lines == (
        "answer holds the most of a typical turn: 9.00 ms of 10.0 ms (90 %).",
        "Unexplained rest between stages: p50 1.00 ms, max 1.00 ms.",
        "There was one turn, which is the typical and the slow one.",
    )


def test_a_run_without_turns_says_so(make_session: MakeSession, budget: MakeBudget) -> None:
    content = compose(make_session(BudgetPolicy((budget("turn.end_to_end", 4000),))))
    assert content.end_to_end_lines == (
        "No call of turn.end_to_end was measured, so there is no end-to-end figure.",
    )
    assert [(row.value, row.status) for row in content.end_to_end] == [
        ("-", "-"),
        ("-", "NO_DATA"),
        ("-", "-"),
        ("-", "-"),
    ]
    assert content.component_lines == ("Nothing else was measured.",)
    assert content.stages == ()
    assert content.bottleneck_lines == (
        "No turn was broken down into stages, so there is no bottleneck to name.",
    )
    assert content.turn_line == "There was no turn in this run."
    assert content.telemetry_lines == (
        "0 series were recorded (one for each operation and outcome).",
        "Nothing was lost by telemetry.",
    )
    assert content.setup == (("Display", "not recorded"),)


def test_a_run_that_calls_for_nothing_says_so(make_session: MakeSession) -> None:
    content = compose(make_session(end_to_end=None))
    assert content.recommendations == ("Nothing that was measured calls for a change.",)
    assert content.end_to_end == ()
    assert content.end_to_end_lines == ("No end-to-end series was named.",)


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (1, "Over 1 call of turn.end_to_end."),
        (19, "Over 19 calls of turn.end_to_end. With so few calls p95 and p99 are the slowest one."),
        (20, "Over 20 calls of turn.end_to_end. With so few calls p99 is the slowest one."),
        (100, "Over 100 calls of turn.end_to_end."),
    ],
)
def test_a_percentile_that_is_simply_the_slowest_call_is_said_to_be(
    count: int, line: str, make_session: MakeSession, make_series: MakeSeries
) -> None:
    session = make_session(series=(make_series("turn.end_to_end", range(1, count + 1)),))
    assert " ".join(compose(session).end_to_end_lines) == line


def test_the_display_comes_before_the_other_facts(assistant_session: Session) -> None:
    assert compose(assistant_session).setup == (("Display", "browser"), ("Engine", "pocketsphinx"))
