"""A sender's times on our clock: never after arrival, as near the truth as the round trip allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.display.wire import PagePong
from reference_pipeline.serving.sender_clock import SenderClock

MS = 1_000_000


def exchanged(*, offset_ns: int, there_ns: int, back_ns: int) -> tuple[SenderClock, int]:
    """Return a clock after one exchange with these ways, and when it was over."""
    clock = SenderClock()
    clock.ping(1_000 * MS)
    reached_ns = 1_000 * MS + there_ns
    pong = PagePong(number=1, received_ns=reached_ns + offset_ns, replied_ns=reached_ns + offset_ns)
    assert clock.ponged(pong, arrived_ns=reached_ns + back_ns)
    return clock, reached_ns + back_ns


@given(
    st.integers(10**12, 10**15), st.integers(0, 50 * MS), st.integers(0, 50 * MS), st.integers(0, 1000 * MS)
)
def test_a_capture_time_lies_within_the_bound_of_the_truth(
    offset_ns: int, there_ns: int, back_ns: int, age_ns: int
) -> None:
    clock, now_ns = exchanged(offset_ns=offset_ns, there_ns=there_ns, back_ns=back_ns)
    arrived_ns = now_ns + 2_000 * MS
    truth_ns = arrived_ns - age_ns
    estimate_ns = clock.captured_ns(truth_ns + offset_ns, arrived_ns=arrived_ns)
    assert abs(estimate_ns - truth_ns) <= clock.bound_ns(arrived_ns)
    assert estimate_ns <= arrived_ns


def test_nothing_was_taken_after_it_arrived() -> None:
    clock, now_ns = exchanged(offset_ns=5 * MS, there_ns=0, back_ns=0)
    assert clock.captured_ns(now_ns + 100 * MS, arrived_ns=now_ns) == now_ns


def test_without_an_exchange_no_time_is_told() -> None:
    clock = SenderClock()
    for ask in (lambda: clock.captured_ns(1, arrived_ns=2), lambda: clock.bound_ns(2)):
        with pytest.raises(LookupError, match="ping"):
            ask()


def test_a_pong_that_answers_no_ping_teaches_nothing() -> None:
    clock = SenderClock()
    assert not clock.ponged(PagePong(number=7, received_ns=1, replied_ns=1), arrived_ns=3)
    with pytest.raises(LookupError):
        clock.bound_ns(3)
