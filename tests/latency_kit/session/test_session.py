"""A session is frozen and consistent."""

from typing import Any

import pytest

from latency_kit.errors import UsageError
from latency_kit.measurement.pauses import Pause
from latency_kit.session import Environment, Session, blocking_calls_of

_ENVIRONMENT = Environment(
    python_version="3.12.4", python_implementation="CPython", operating_system="Linux 6.8"
)


def _session(**changes: Any) -> Session:
    given = {"title": "demo", "start_unix_nano": 10, "end_unix_nano": 20, "environment": _ENVIRONMENT}
    return Session(**{**given, **changes})


def test_all_turns_are_counted_however_they_ended() -> None:
    assert _session(outcomes={"completed": 7, "dropped": 2, "failed": 1}).turn_count == 10


def test_a_session_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(UsageError, match="must not end before it starts"):
        _session(end_unix_nano=9)


@pytest.mark.parametrize("what", ["outcomes", "losses", "blocking_calls"])
def test_negative_counts_are_refused(what: str) -> None:
    with pytest.raises(UsageError, match=rf"{what}\['dropped'\] must be a count from 0, got -1"):
        _session(**{what: {"dropped": -1}})


def test_the_mappings_cannot_be_changed_afterwards() -> None:
    outcomes = {"completed": 1}
    session = _session(outcomes=outcomes)
    outcomes["completed"] = 5
    assert session.turn_count == 1
    for mapping in (session.outcomes, session.facts, session.losses, session.blocking_calls):
        with pytest.raises(TypeError):
            mapping["x"] = 1  # type: ignore[index]


def test_an_operation_that_was_never_called_has_empty_durations() -> None:
    assert _session().durations("llm.generate").count == 0
    assert _session().series_names == ()


def test_a_line_that_kept_the_loop_counts_by_its_longest_pause() -> None:
    def pause(duration_ns: int, where: str | None) -> Pause:
        return Pause(name="event_loop.lag", start_ns=0, duration_ns=duration_ns, where=where)

    pauses = [pause(5, "a.py:1"), pause(9, "a.py:1"), pause(7, "a.py:1"), pause(3, "b.py:2"), pause(8, None)]
    assert blocking_calls_of(pauses) == {"a.py:1": 9, "b.py:2": 3}
