"""Across machines goes what remains: rounded down, less an allowance, and never believed blindly."""

import string
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, propagate

import latency_kit
from latency_kit import CorruptDataError, UsageError
from latency_kit.budget.deadline import Deadline, context_with_deadline, deadline_of
from latency_kit.budget.deadline_text import (
    MAX_REMAINING_NS,
    format_grpc_timeout,
    format_remaining_ms,
    parse_grpc_timeout,
    parse_remaining_ms,
)
from latency_kit.measurement.active import active
from latency_kit.testing import FakeClock, capture_measurements

MS = 1_000_000


@pytest.fixture
def clock() -> Iterator[FakeClock]:
    fake = FakeClock()
    with capture_measurements(clock=fake):
        yield fake


def remaining_of(headers: dict[str, str]) -> int | None:
    """Return what remains in the context that `headers` give."""
    deadline = deadline_of(latency_kit.extract_deadline(headers, context=latency_kit.new_trace()))
    return None if deadline is None else deadline.remaining_ns()


@pytest.mark.parametrize(
    ("remaining_ns", "text"),
    [
        (1_234 * MS, "1234000u"),
        (99_999_999, "99999999n"),
        (100_000_000, "100000u"),
        (100_000_000_001, "100000m"),
        (1, "1n"),
        (0, "1n"),
        (99_999_999 * 3600 * 10**9, "99999999H"),
    ],
)
def test_grpc_timeout_takes_the_finest_unit_of_eight_digits(remaining_ns: int, text: str) -> None:
    assert format_grpc_timeout(remaining_ns) == text


@given(st.integers(1, MAX_REMAINING_NS))
def test_neither_text_ever_makes_what_remains_grow(remaining_ns: int) -> None:
    text = format_grpc_timeout(remaining_ns)
    assert len(text) <= 9
    received = parse_grpc_timeout(text)
    assert received <= remaining_ns
    assert (remaining_ns - received) * 100_000 <= remaining_ns  # at least five digits are left
    assert 0 <= remaining_ns - parse_remaining_ms(format_remaining_ms(remaining_ns)) < MS


@pytest.mark.parametrize(
    ("text", "remaining_ns"), [("1234m", 1_234 * MS), ("1H", 3600 * 10**9), ("0S", 0), ("7u", 7000)]
)
def test_grpc_timeouts_of_others_are_read(text: str, remaining_ns: int) -> None:
    assert parse_grpc_timeout(text) == remaining_ns


@pytest.mark.parametrize(
    "text",
    ["", "m", "1234", "-1m", "+1m", "123456789m", "1.5S", "1 m", "1x", "\u0661m", "25H", "99999999H", "1m\n"],
)
def test_a_grpc_timeout_out_of_the_format_or_beyond_a_day_is_refused(text: str) -> None:
    with pytest.raises(CorruptDataError):
        parse_grpc_timeout(text)


def test_a_timeout_that_the_format_cannot_hold_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be negative"):
        format_grpc_timeout(-1)
    with pytest.raises(UsageError, match="hours"):
        format_grpc_timeout(10**8 * 3600 * 10**9)


def test_headers_say_what_remains_and_keep_the_baggage_of_others(clock: FakeClock) -> None:
    headers = {"Baggage": "tenant=blue, latency-remaining-ms=999999;p=1"}
    with latency_kit.deadline(1234.9):
        latency_kit.inject_deadline(headers, grpc=True, network_allowance_ms=0.5)
    assert headers == {"Baggage": "tenant=blue,latency-remaining-ms=1234", "grpc-timeout": "1234400u"}
    assert remaining_of(headers) == 1234 * MS


def test_without_a_deadline_headers_stay_as_they_are() -> None:
    headers = {"baggage": "tenant=blue"}
    latency_kit.inject_deadline(headers, grpc=True)
    assert headers == {"baggage": "tenant=blue"}
    assert remaining_of(headers) is None


def test_of_two_limits_the_tighter_one_holds(clock: FakeClock) -> None:
    assert remaining_of({"BAGGAGE": "a=b,latency-remaining-ms=70 ; x=y", "Grpc-Timeout": "50m"}) == 50 * MS
    with latency_kit.deadline(20):
        inside = latency_kit.extract_deadline({"grpc-timeout": "50m"})
        found = deadline_of(inside)
        assert found is not None
        assert found.remaining_ns() == 20 * MS


@pytest.mark.parametrize(
    "headers",
    [
        {"baggage": "latency-remaining-ms=-5"},
        {"baggage": "latency-remaining-ms="},
        {"baggage": "latency-remaining-ms=1e9"},
        {"baggage": "latency-remaining-ms=86400001"},
        {"baggage": "latency-remaining-ms=" + "9" * 5000},
        {"baggage": "latency-remaining-ms=5," + "a" * 9000},
        {"grpc-timeout": "forever"},
        {"grpc-timeout": 5},
        {"baggage": b"latency-remaining-ms=5"},
    ],
)
def test_a_hostile_header_is_ignored_and_counted(clock: FakeClock, headers: dict[str, str]) -> None:
    assert remaining_of(headers) is None
    assert active.losses.counts()["deadlines_ignored"] >= 1


@given(st.dictionaries(st.sampled_from(["baggage", "Baggage", "grpc-timeout", "x"]), st.text()))
def test_no_header_whatsoever_raises(headers: dict[str, str]) -> None:
    with capture_measurements():
        left_ns = remaining_of(headers)
    assert left_ns is None or 0 <= left_ns <= MAX_REMAINING_NS


@given(
    limit_ms=st.integers(0, 100_000),
    hops=st.lists(st.tuples(st.floats(0, 50), st.integers(0, 20_000_000), st.booleans()), max_size=6),
)
def test_what_remains_never_grows_over_any_number_of_hops(
    limit_ms: int, hops: list[tuple[float, int, bool]]
) -> None:
    machine = FakeClock()
    with capture_measurements(clock=machine):
        deadline = Deadline(at_ns=machine.monotonic_ns() + limit_ms * MS)
        context = context_with_deadline(deadline, latency_kit.new_trace())
        left_ns = limit_ms * MS
        for allowance_ms, travelled_ns, grpc in hops:
            headers: dict[str, str] = {}
            latency_kit.inject_deadline(
                headers, context=context, network_allowance_ms=allowance_ms, grpc=grpc
            )
            machine.advance(ns=travelled_ns)
            context = latency_kit.extract_deadline(headers, context=latency_kit.new_trace())
            received = deadline_of(context)
            assert received is not None
            assert received.remaining_ns() <= max(0, left_ns - int(allowance_ms * MS) + 1)
            left_ns = received.remaining_ns()


def test_instrumented_clients_carry_the_deadline_beside_trace_and_baggage(clock: FakeClock) -> None:
    before = propagate.get_global_textmap()
    try:
        latency_kit.propagate_deadlines(network_allowance_ms=10)
        latency_kit.propagate_deadlines(network_allowance_ms=10)
        headers: dict[str, str] = {}
        context = baggage.set_baggage("tenant", "blue", latency_kit.new_trace())
        propagate.inject(
            headers, context_with_deadline(Deadline(at_ns=clock.monotonic_ns() + 100 * MS), context)
        )
        assert set(headers["baggage"].split(",")) == {"tenant=blue", "latency-remaining-ms=90"}
        received = propagate.extract(headers, latency_kit.new_trace())
        # The entry is gone: sent on by whoever knows nothing of deadlines, it would be stale.
        assert baggage.get_all(received) == {"tenant": "blue"}
        found = deadline_of(received)
        assert found is not None
        assert (found.remaining_ns(), found.name) == (90 * MS, "received")
        assert {"baggage", "traceparent"} <= propagate.get_global_textmap().fields
    finally:
        propagate.set_global_textmap(before)


@pytest.mark.parametrize("allowance_ms", [-1, float("nan"), float("inf")])
def test_an_allowance_that_is_no_duration_is_refused(allowance_ms: float) -> None:
    with pytest.raises(UsageError):
        latency_kit.DeadlinePropagator(network_allowance_ms=allowance_ms)


def test_the_names_of_the_headers_are_ascii() -> None:
    for name in latency_kit.DeadlinePropagator(grpc=True).fields:
        assert set(name) <= set(string.ascii_lowercase + "-")
