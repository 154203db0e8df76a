"""Fixed-rate sources have a corrected series beside the raw one, by Java's rule."""

from typing import Any

import pytest

import latency_kit
from latency_kit import Outcome, UsageError
from latency_kit.histogram import HistogramSnapshot
from latency_kit.measurement.expected_interval import FixedRateSite, fixed_rate_site
from latency_kit.testing import Capture, FakeClock, capture_measurements


def values(histogram: HistogramSnapshot) -> list[int]:
    return [bucket.highest_ns for bucket in histogram.buckets() for _ in range(bucket.count)]


def series(captured: Capture) -> dict[tuple[str, Outcome], list[int]]:
    return {(one.name, one.outcome): values(one.histogram) for one in captured.series}


def test_a_call_of_35_at_an_interval_of_10_adds_25_and_15_and_raw_stays_raw() -> None:
    with capture_measurements() as captured:
        latency_kit.record("mic", "frame", start_ns=100, end_ns=135, expected_interval_ns=10)
        latency_kit.record("mic", "frame", start_ns=200, end_ns=209, expected_interval_ns=10)
    assert series(captured) == {
        ("mic.frame", Outcome.OK): [9, 35],
        ("mic.frame.corrected", Outcome.OK): [9, 15, 25, 35],
    }
    assert [(one.name, one.duration_ns) for one in captured.measurements] == [
        ("mic.frame", 35),
        ("mic.frame", 9),
    ]


def test_outcomes_are_corrected_apart() -> None:
    with capture_measurements() as captured:
        latency_kit.record(
            "mic",
            "frame",
            start_ns=0,
            end_ns=20,
            expected_interval_ns=10,
            outcome=Outcome.TIMED_OUT,
            span=False,
        )
    assert series(captured) == {
        ("mic.frame", Outcome.TIMED_OUT): [20],
        ("mic.frame.corrected", Outcome.TIMED_OUT): [10, 20],
    }


def test_calls_of_one_source_share_one_call_site_unless_they_have_attributes() -> None:
    first = fixed_rate_site("mic", "frame", 10)
    assert fixed_rate_site("mic", "frame", 10) is first
    assert fixed_rate_site("mic", "frame", 20) is not first
    assert fixed_rate_site("mic", "frame", 10, {"a": 1}).corrected is not None
    assert dict(fixed_rate_site("mic", "frame", 10, {"a": 1}).attributes) == {"a": 1}


@pytest.mark.parametrize("interval", [0, -1, 2.5, True, "10 ms"])
def test_an_unfit_interval_is_refused_at_construction(interval: Any) -> None:
    with pytest.raises(UsageError, match="expected_interval_ns must be a whole number of nanoseconds from 1"):
        FixedRateSite("mic", "frame", expected_interval_ns=interval)
    with pytest.raises(UsageError, match="expected_interval_ns must be"):
        latency_kit.record("mic", "frame", start_ns=0, end_ns=1, expected_interval_ns=interval)


@pytest.mark.parametrize("attributes", [None, {"source": "wav"}])
@pytest.mark.parametrize("span", [True, False])
def test_decorators_and_blocks_take_an_expected_interval(
    attributes: dict[str, str] | None, *, span: bool
) -> None:
    clock = FakeClock()

    @latency_kit.measure_latency("mic", "frame", attributes=attributes, span=span, expected_interval_ns=10)
    def frame() -> None:
        clock.advance(ns=35)

    with capture_measurements(clock=clock) as captured:
        frame()
        with latency_kit.measure_latency(
            "mic", "frame", attributes=attributes, span=span, expected_interval_ns=10
        ):
            clock.advance(ns=9)
    assert series(captured) == {
        ("mic.frame", Outcome.OK): [9, 35],
        ("mic.frame.corrected", Outcome.OK): [9, 15, 25, 35],
    }
    assert [dict(one.attributes) for one in captured.measurements] == [attributes or {}] * 2


def test_an_unfit_interval_of_a_decorator_is_refused_at_construction() -> None:
    with pytest.raises(UsageError, match="expected_interval_ns must be"):
        latency_kit.measure_latency("mic", "frame", expected_interval_ns=0)
