"""Pressure is the worst of three signs over its limit, from intervals whose truth is known."""

import pytest

from latency_kit import Outcome, SeriesSnapshot
from latency_kit.histogram import Histogram
from reference_pipeline.serving.pressure import PressureGauge, PressureLimits

MS = 1_000_000
S = 1_000_000_000

LIMITS = PressureLimits(
    loop_lag_ns=100 * MS,
    transcription_wait_ns=500 * MS,
    burn_rate=4.0,
    turn_limit_ns=4 * S,
    turn_target=0.95,
    min_turns=5,
    window_ns=10 * S,
    turns_window_ns=60 * S,
)


def series(name: str, *values_ns: int, outcome: Outcome = Outcome.OK) -> SeriesSnapshot:
    histogram = Histogram()
    histogram.record_many(values_ns)
    component, _, operation = name.partition(".")
    return SeriesSnapshot(
        component=component,
        operation=operation,
        outcome=outcome,
        attributes={},
        histogram=histogram.snapshot(),
        start_unix_nano=0,
        exemplars=(),
    )


def test_without_data_there_is_no_pressure() -> None:
    pressure = PressureGauge(LIMITS).observe([], at_ns=S)
    assert (pressure.value, pressure.cause) == (0.0, "")


@pytest.mark.parametrize(
    ("name", "limit_ns", "cause"),
    [
        ("event_loop.lag.corrected", 100 * MS, "event loop lag"),
        ("transcription.queue_wait", 500 * MS, "transcription wait"),
    ],
)
def test_a_sign_at_its_limit_is_a_pressure_of_one(name: str, limit_ns: int, cause: str) -> None:
    gauge = PressureGauge(LIMITS)
    halves = gauge.observe([series(name, *[limit_ns // 2] * 40)], at_ns=S)
    assert halves.value == pytest.approx(0.5, rel=0.01)
    # 2 of 42 lie above the 95th percentile; 3 of 43 do not.
    assert gauge.observe([series(name, *[limit_ns] * 2)], at_ns=2 * S).value == pytest.approx(0.5, rel=0.01)
    pressure = gauge.observe([series(name, limit_ns)], at_ns=3 * S)
    assert (pressure.value, pressure.cause) == (pytest.approx(1.0, rel=0.01), cause)


def test_the_worst_sign_counts() -> None:
    interval = [
        series("event_loop.lag.corrected", *[90 * MS] * 40),
        series("transcription.queue_wait", 100 * MS),
    ]
    assert PressureGauge(LIMITS).observe(interval, at_ns=S).cause == "event loop lag"


def test_lags_and_waits_count_for_their_window_and_then_no_longer() -> None:
    gauge = PressureGauge(LIMITS)
    gauge.observe([series("event_loop.lag.corrected", *[200 * MS] * 40)], at_ns=S)
    assert gauge.pressure(11 * S).value == pytest.approx(2.0, rel=0.01)
    assert gauge.pressure(11 * S + 1).value == 0.0


def test_a_single_stall_says_nothing_while_little_else_is_known() -> None:
    gauge = PressureGauge(LIMITS)
    assert gauge.observe([series("event_loop.lag.corrected", *[S] * 39)], at_ns=S).value == 0.0
    assert gauge.observe([series("event_loop.lag.corrected", S)], at_ns=S).value > 1.0


def test_turns_that_are_late_or_failed_burn_the_budget() -> None:
    gauge = PressureGauge(LIMITS)
    turns = [
        series("turn.end_to_end", *[S] * 18, 5 * S),
        series("turn.end_to_end", S, outcome=Outcome.TIMED_OUT),
    ]
    pressure = gauge.observe(turns, at_ns=S)
    # 2 of 20 are bad and 1 of 20 is allowed: a burn rate of 2, half of its limit.
    assert (pressure.value, pressure.cause) == (pytest.approx(0.5), "burn rate")
    assert gauge.pressure(61 * S).value == pytest.approx(0.5)
    assert gauge.pressure(61 * S + 1).value == 0.0


def test_a_few_turns_say_nothing() -> None:
    gauge = PressureGauge(LIMITS)
    assert gauge.observe([series("turn.end_to_end", *[9 * S] * 4)], at_ns=S).value == 0.0
    assert gauge.observe([series("turn.end_to_end", 9 * S)], at_ns=2 * S).value == pytest.approx(5.0)
