"""Times and outcomes that a caller gives are checked where they are written."""

from typing import Any

import pytest

import latency_kit
from latency_kit import Outcome, UsageError
from latency_kit.testing import capture_measurements


def test_an_outcome_may_be_given_by_its_value() -> None:
    with capture_measurements() as captured:
        latency_kit.record("a", "b", start_ns=0, end_ns=5, outcome="cancelled")
        latency_kit.begin("a", "c").end(outcome="dropped")
    assert [one.outcome for one in captured.measurements] == [Outcome.CANCELLED, Outcome.DROPPED]
    assert {series.outcome for series in captured.series} == {Outcome.CANCELLED, Outcome.DROPPED}


@pytest.mark.parametrize(
    "unfit", [{"outcome": "fine"}, {"start_ns": 1.5}, {"end_ns": None}, {"end_ns": 2**70}]
)
def test_an_unfit_record_is_refused_and_leaves_nothing_behind(unfit: dict[str, Any]) -> None:
    with capture_measurements() as captured:
        with pytest.raises(UsageError, match=r"got|known are"):
            latency_kit.record("a", "b", **{"start_ns": 0, "end_ns": 5, **unfit})
        assert captured.series == ()


def test_unfit_times_of_an_operation_are_refused_and_it_can_still_end() -> None:
    with capture_measurements() as captured:
        with pytest.raises(UsageError, match="start_ns must be a whole number"):
            latency_kit.begin("a", "b", start_ns=1.5)  # type: ignore[arg-type]  # what this is about
        operation = latency_kit.begin("a", "b")
        with pytest.raises(UsageError, match="at_ns must be a whole number"):
            operation.checkpoint("x", at_ns=1.5)  # type: ignore[arg-type]  # what this is about
        with pytest.raises(UsageError, match="at_ns must be a whole number"):
            operation.end(at_ns=1.5)  # type: ignore[arg-type]  # what this is about
        operation.end()
    assert len(captured.measurements) == 1
