"""Shares of time are taken within the same turns, and add up."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_kit.errors import NoDataError
from latency_kit.report import break_down
from latency_kit.session import Session, TurnAccount

MakeTurn = Callable[..., TurnAccount]

_parts = st.integers(min_value=0, max_value=10**12)
_turns = st.lists(
    st.tuples(st.dictionaries(st.sampled_from("abcd"), _parts), _parts).map(
        lambda turn: TurnAccount(
            end_to_end_ns=sum(turn[0].values()) + turn[1], stages_ns=turn[0], rest_ns=turn[1]
        )
    ),
    min_size=1,
    max_size=60,
)


@given(_turns)
def test_stages_and_rest_add_up_in_typical_and_in_slow_turns(turns: list[TurnAccount]) -> None:
    found = break_down(turns)
    parts = [*found.stages, found.rest]
    assert sum(part.typical_ns for part in parts) == pytest.approx(found.typical_end_to_end_ns)
    assert sum(part.slow_ns for part in parts) == pytest.approx(found.slow_end_to_end_ns)
    if found.typical_end_to_end_ns:
        assert sum(part.typical_share for part in parts) == pytest.approx(1)
    if found.has_excess:
        assert sum(share for _, share in found.excess_by_part()) == pytest.approx(1)


def test_typical_turns_are_the_middle_half_and_slow_ones_the_slowest(make_turn: MakeTurn) -> None:
    turns = [make_turn(0, answer=ms) for ms in (1000, 10, 20, 30, 40, 50, 60, 70)]
    found = break_down(turns)
    assert (found.turn_count, found.typical_count, found.slow_count) == (8, 4, 1)
    assert found.typical_end_to_end_ns == 45_000_000
    assert found.slow_end_to_end_ns == 1_000_000_000
    assert found.excess_ns == 955_000_000


@pytest.mark.parametrize(("turns", "slow"), [(1, 1), (19, 1), (20, 1), (39, 1), (40, 2), (100, 5)])
def test_slow_turns_are_those_above_p95_and_at_least_one(turns: int, slow: int, make_turn: MakeTurn) -> None:
    found = break_down([make_turn(0, answer=ms) for ms in range(1, turns + 1)])
    assert found.slow_count == slow


def test_shares_are_exact(make_turn: MakeTurn) -> None:
    turns = [make_turn(10, hear=30, answer=60)] * 3 + [make_turn(20, hear=30, answer=150)]
    found = break_down(turns)
    assert [stage.name for stage in found.stages] == ["answer", "hear"]
    answer, hear = found.stages
    assert (answer.typical_ns, answer.typical_share) == (60e6, 0.6)
    assert (answer.slow_ns, answer.slow_share) == (150e6, 0.75)
    assert (hear.typical_share, hear.slow_share) == (0.3, 0.15)
    assert (found.rest.typical_share, found.rest.slow_share) == (0.1, 0.1)
    assert (found.rest_p50_ns, found.rest_max_ns) == (10_000_000, 20_000_000)
    assert found.excess_by_part() == (("answer", 0.9), ("unexplained rest", 0.1), ("hear", 0.0))


def test_a_stage_that_some_turns_lack_counts_nothing_there(make_turn: MakeTurn) -> None:
    found = break_down([make_turn(0, hear=10), make_turn(0, hear=10, terms=20)])
    assert {stage.name: stage.typical_ns for stage in found.stages} == {"hear": 10e6, "terms": 10e6}


def test_of_turns_that_took_no_time_every_share_is_nothing(make_turn: MakeTurn) -> None:
    found = break_down([make_turn(0, hear=0)] * 4)
    assert found.stages[0].typical_share == found.rest.slow_share == 0
    assert not found.has_excess
    with pytest.raises(NoDataError):
        found.excess_by_part()


def test_below_four_turns_slow_ones_cannot_be_told_from_typical_ones(make_turn: MakeTurn) -> None:
    turns = [make_turn(0, hear=10), make_turn(0, hear=10), make_turn(0, hear=90)]
    assert not break_down(turns).has_excess
    assert break_down([*turns, turns[0]]).has_excess


def test_without_turns_there_is_nothing_to_break_down() -> None:
    with pytest.raises(NoDataError, match="no turn was broken down"):
        break_down([])


def test_the_slow_turns_of_the_assistant_are_slow_by_their_cold_transcription(
    assistant_session: Session,
) -> None:
    name, share = break_down(assistant_session.accounts).excess_by_part()[0]
    assert name == "final"
    assert share == pytest.approx(700 / 655)
