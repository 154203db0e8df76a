"""How long a request has that begins before anybody knows when its turn did."""

import pytest

import latency_kit
from latency_kit.testing import FakeClock, capture_measurements
from reference_pipeline.answering.early_answer import HeadStarts

MS = 1_000_000
TURN_MS = 3700


def adopt(head_starts: HeadStarts, clock: FakeClock, *, begun_after_ms: int) -> None:
    """Adopt a request that began so long after the end of its turn's speech."""
    spoken_ns = clock.monotonic_ns()
    clock.advance(ms=1000)
    with latency_kit.deadline(TURN_MS, start_ns=spoken_ns):
        head_starts.adopted(spoken_ns + begun_after_ms * MS)


def test_it_has_what_those_before_it_had_left() -> None:
    clock = FakeClock()
    with capture_measurements(clock=clock):
        head_starts = HeadStarts(TURN_MS * MS)
        assert head_starts.deadline_ns == TURN_MS * MS
        for _ in range(40):
            adopt(head_starts, clock, begun_after_ms=400)
        assert head_starts.deadline_ns == pytest.approx((TURN_MS - 400) * MS, abs=MS)


def test_it_never_has_more_than_a_turn() -> None:
    clock = FakeClock()
    with capture_measurements(clock=clock):
        head_starts = HeadStarts(TURN_MS * MS)
        for _ in range(40):
            adopt(head_starts, clock, begun_after_ms=-900)
        assert head_starts.deadline_ns == TURN_MS * MS


def test_one_that_is_adopted_without_a_deadline_tells_nothing() -> None:
    head_starts = HeadStarts(TURN_MS * MS)
    head_starts.adopted(0)
    assert head_starts.deadline_ns == TURN_MS * MS
