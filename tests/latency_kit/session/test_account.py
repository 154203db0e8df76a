"""An account divides a turn exclusively and exactly."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_kit.errors import UsageError
from latency_kit.session import TurnAccount, account

_instants = st.integers(min_value=0, max_value=40)
_stages = st.lists(
    st.tuples(st.sampled_from("abcd"), _instants, _instants).map(
        lambda stage: (stage[0], min(stage[1:]), max(stage[1:]))
    ),
    max_size=8,
)


def _by_each_instant(start: int, end: int, stages: list[tuple[str, int, int]]) -> tuple[dict[str, int], int]:
    """Ask of every single nanosecond whose it is: the definition, without any sweep."""
    own = {name: 0 for name, _, _ in stages}
    rest = 0
    for instant in range(start, end):
        running = [stage for stage in stages if stage[1] <= instant < stage[2]]
        if running:
            own[min(running, key=lambda stage: stage[1])[0]] += 1
        else:
            rest += 1
    return own, rest


@given(_instants, _instants, _stages)
def test_every_instant_belongs_to_the_earliest_begun_stage_that_still_runs(
    one: int, other: int, stages: list[tuple[str, int, int]]
) -> None:
    start, end = min(one, other), max(one, other)
    divided = account(start, end, stages)
    own, rest = _by_each_instant(start, end, stages)
    assert dict(divided.stages_ns) == own
    assert divided.rest_ns == rest


@given(st.lists(st.tuples(st.text(max_size=3), st.integers(), st.integers(min_value=0)), max_size=20))
def test_stages_and_rest_add_up_to_the_end_to_end_duration_at_any_magnitude(
    given_stages: list[tuple[str, int, int]],
) -> None:
    start, end = 1_700_000_000_000_000_000, 1_700_000_004_310_000_001
    divided = account(start, end, [(name, at, at + length) for name, at, length in given_stages])
    assert sum(divided.stages_ns.values()) + divided.rest_ns == divided.end_to_end_ns == end - start


def test_overlapping_stages_share_no_instant() -> None:
    divided = account(100, 200, [("answer", 130, 190), ("transcribe", 110, 150), ("show", 180, 195)])
    assert dict(divided.stages_ns) == {"transcribe": 40, "answer": 40, "show": 5}
    assert divided.rest_ns == 15


def test_the_stages_stand_in_the_order_in_which_they_began() -> None:
    divided = account(0, 30, [("show", 20, 30), ("hear", 0, 10), ("answer", 10, 20)])
    assert list(divided.stages_ns) == ["hear", "answer", "show"]


def test_of_two_stages_that_began_together_the_first_given_has_the_time() -> None:
    assert dict(account(0, 10, [("b", 2, 6), ("a", 2, 8)]).stages_ns) == {"b": 4, "a": 2}


def test_what_lies_outside_the_turn_belongs_to_nobody() -> None:
    divided = account(10, 20, [("before", 0, 12), ("beyond", 18, 50), ("elsewhere", 30, 40)])
    assert dict(divided.stages_ns) == {"before": 2, "beyond": 2, "elsewhere": 0}
    assert divided.rest_ns == 6


def test_a_turn_without_stages_is_all_rest() -> None:
    assert account(5, 12, []) == TurnAccount(end_to_end_ns=7, stages_ns={}, rest_ns=7)


@pytest.mark.parametrize(
    ("start", "end", "stages", "told"),
    [
        (10, 9, [], "a turn must not end before it starts"),
        (0, 9, [("show", 5, 4)], "stage 'show' must not end"),
    ],
)
def test_intervals_that_run_backwards_are_refused(start: int, end: int, stages: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        account(start, end, stages)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"end_to_end_ns": 10, "stages_ns": {"a": 4}, "rest_ns": 5}, "must add up"),
        ({"end_to_end_ns": 3, "stages_ns": {"a": 4}, "rest_ns": -1}, "negative"),
        ({"end_to_end_ns": 3, "stages_ns": {"a": -1}, "rest_ns": 4}, "negative"),
    ],
)
def test_an_account_that_does_not_add_up_cannot_be_made(parts: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        TurnAccount(**parts)


def test_the_stages_of_an_account_cannot_be_changed_afterwards() -> None:
    stages = {"a": 4}
    divided = TurnAccount(end_to_end_ns=4, stages_ns=stages, rest_ns=0)
    stages["a"] = 5
    assert divided.stages_ns["a"] == 4
    with pytest.raises(TypeError):
        divided.stages_ns["a"] = 5  # type: ignore[index]
