"""The report names what makes slow turns slow, and says how sure that is."""

from collections.abc import Callable
from random import Random

import pytest

from latency_kit.budget import BudgetPolicy, LatencyBudget
from latency_kit.measurement.recording import SeriesSnapshot
from latency_kit.report import compose, render_markdown
from latency_kit.report.stage_words import worded
from latency_kit.session import Session, TurnAccount, account

MakeSeries = Callable[..., SeriesSnapshot]
MakeSession = Callable[..., Session]
MakeTurn = Callable[..., TurnAccount]
MakeBudget = Callable[..., LatencyBudget]


def _waiting_turns(make_turn: MakeTurn) -> tuple[TurnAccount, ...]:
    """Return 400 turns of which 20 wait 2840 ms (the rest of their excess is work), ranks 381 to 400."""
    usual = [make_turn(10, hear=90, **{"llm.generate.wait": 10, "llm.generate": 200 + n}) for n in range(380)]
    slow = [
        make_turn(10, hear=90, **{"llm.generate.wait": 2850, "llm.generate": 1549 + n}) for n in range(20)
    ]
    return (*usual, *slow)


def test_the_culprit_is_named_with_its_share_and_how_sure_it_is(
    make_session: MakeSession, make_turn: MakeTurn, make_series: MakeSeries, budget: MakeBudget
) -> None:
    accounts = _waiting_turns(make_turn)
    series = (make_series("turn.end_to_end", [one.end_to_end_ns / 1e6 for one in accounts]),)
    policy = BudgetPolicy((budget("turn.end_to_end", 4000, percentile=95),))
    session = make_session(policy, accounts=accounts, series=series)
    lines = compose(session).bottleneck_lines
    assert lines[0] == (
        "p95 is 689 ms; 71 % of the excess is queue wait before llm.generate (95 % interval 69 % to 71 %)."
    )
    assert lines[1] == "A slow turn takes 3999 ms longer than a typical one, over 20 slow turns."
    assert f"- {lines[0]}" in render_markdown(session).replace("\\", "")
    assert any(row.name == "queue wait before llm.generate" for row in compose(session).stages)


def test_slow_turns_are_those_above_the_percentile_of_the_budget(
    make_session: MakeSession, make_turn: MakeTurn, make_series: MakeSeries, budget: MakeBudget
) -> None:
    accounts = _waiting_turns(make_turn)
    series = (make_series("turn.end_to_end", [one.end_to_end_ns / 1e6 for one in accounts]),)
    # As the table shows them: the upper end of the histogram's bucket.
    for percentile, value, slow in ((90, "670 ms", 40), (97, "4509 ms", 12)):
        policy = BudgetPolicy((budget("turn.end_to_end", 4000, percentile=percentile),))
        content = compose(make_session(policy, accounts=accounts, series=series))
        assert content.bottleneck_lines[0].startswith(f"p{percentile} is {value}; ")
        assert f"slow: the slowest {slow}." in content.bottleneck_lines[-1]


def test_a_budget_on_the_median_leaves_slow_turns_where_they_are(
    make_session: MakeSession, make_turn: MakeTurn, make_series: MakeSeries, budget: MakeBudget
) -> None:
    policy = BudgetPolicy((budget("turn.end_to_end", 4000, percentile=50),))
    session = make_session(policy, accounts=_waiting_turns(make_turn), series=())
    assert compose(session).bottleneck_lines[0].startswith("p95 is 689 ms; ")


def test_where_no_part_stands_out_none_is_named_as_the_culprit(
    make_session: MakeSession, make_turn: MakeTurn
) -> None:
    random = Random(1)  # noqa: S311  # a simulation
    accounts = [
        make_turn(0, **{name: 100 * random.lognormvariate(0, 0.3) for name in "abcd"}) for _ in range(200)
    ]
    line = compose(make_session(accounts=tuple(accounts))).bottleneck_lines[0]
    assert "; no part stands out in the excess: " in line
    assert line.count("95 % interval") == 2


def test_turns_that_all_took_the_same_have_no_culprit(make_session: MakeSession, make_turn: MakeTurn) -> None:
    lines = compose(make_session(accounts=(make_turn(0, a=60, b=40),) * 30)).bottleneck_lines
    assert lines[0].startswith("a holds the most of a typical turn")


@pytest.mark.parametrize(
    ("stages", "called"),
    [
        ([("queue_wait", 0, 5), ("finalise", 5, 9)], ["queue wait before finalise", "finalise"]),
        ([("llm.generate.wait", 0, 5)], ["queue wait before llm.generate"]),
        ([("endpoint_wait", 0, 5)], ["endpoint_wait"]),
        ([("finalise", 0, 4), ("queue_wait", 4, 9)], ["finalise", "queue_wait"]),
    ],
)
def test_a_wait_says_what_it_was_before(stages: list[tuple[str, int, int]], called: list[str]) -> None:
    (found,) = worded([account(0, 10, stages)])
    assert list(found.stages_ns) == called


def test_a_bare_wait_is_called_by_the_first_turn_that_tells_in_all_of_them() -> None:
    ended_waiting = account(0, 10, [("queue_wait", 0, 9)])
    whole = account(0, 10, [("queue_wait", 0, 5), ("finalise", 5, 9)])
    names = [list(one.stages_ns) for one in worded([ended_waiting, whole])]
    assert names == [["queue wait before finalise"], ["queue wait before finalise", "finalise"]]
