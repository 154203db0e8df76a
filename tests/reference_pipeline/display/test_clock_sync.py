"""The page's clock is known to within half a round trip plus drift, and never better than can be known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.display.clock_sync import (
    DRIFT_PARTS_PER_MILLION,
    WINDOW,
    ClockEstimate,
    ClockSync,
    Exchange,
)

MS = 1_000_000


def exchange(*, at_ns: int, offset_ns: int, there_ns: int, back_ns: int, thinking_ns: int = 0) -> Exchange:
    """Make the exchange that a page with a clock `offset_ns` ahead would take part in."""
    received_ns = at_ns + there_ns + offset_ns
    return Exchange(
        sent_ns=at_ns,
        page_received_ns=received_ns,
        page_sent_ns=received_ns + thinking_ns,
        received_ns=at_ns + there_ns + thinking_ns + back_ns,
    )


def test_an_exchange_of_even_ways_gives_the_exact_offset() -> None:
    even = exchange(at_ns=1000, offset_ns=-7 * MS, there_ns=2 * MS, back_ns=2 * MS, thinking_ns=9 * MS)
    assert (even.offset_ns, even.round_trip_ns) == (-7 * MS, 4 * MS)


@given(
    offset_ns=st.integers(-(10**15), 10**15),
    there_ns=st.integers(0, 10**9),
    back_ns=st.integers(0, 10**9),
    thinking_ns=st.integers(0, 10**9),
)
def test_the_truth_lies_within_half_a_round_trip_however_uneven_the_ways(
    offset_ns: int, there_ns: int, back_ns: int, thinking_ns: int
) -> None:
    clock = ClockSync()
    uneven = exchange(
        at_ns=0, offset_ns=offset_ns, there_ns=there_ns, back_ns=back_ns, thinking_ns=thinking_ns
    )
    assert clock.add(uneven)
    estimate = clock.estimate(uneven.received_ns)
    assert estimate is not None
    assert estimate.bound_ns <= (there_ns + back_ns + 1) // 2
    assert abs(estimate.offset_ns - offset_ns) <= estimate.bound_ns


@given(drift_ppm=st.integers(-DRIFT_PARTS_PER_MILLION, DRIFT_PARTS_PER_MILLION), age_s=st.integers(0, 600))
def test_the_bound_still_holds_when_the_clocks_have_drifted_since(drift_ppm: int, age_s: int) -> None:
    clock = ClockSync()
    clock.add(exchange(at_ns=0, offset_ns=0, there_ns=MS, back_ns=0))
    later_ns = MS + age_s * 1_000 * MS
    drifted_ns = age_s * 1_000 * MS * drift_ppm // 1_000_000
    estimate = clock.estimate(later_ns)
    assert estimate is not None
    assert abs(estimate.offset_ns - drifted_ns) <= estimate.bound_ns


def test_of_several_exchanges_the_shortest_round_trip_counts() -> None:
    clock = ClockSync()
    for there_ns, back_ns in ((8 * MS, 2 * MS), (MS, MS), (9 * MS, MS)):
        clock.add(exchange(at_ns=0, offset_ns=300 * MS, there_ns=there_ns, back_ns=back_ns))
    assert clock.estimate(2 * MS) == ClockEstimate(offset_ns=300 * MS, bound_ns=MS)


def test_an_old_short_exchange_yields_to_a_newer_one_once_drift_outweighs_it() -> None:
    clock = ClockSync()
    clock.add(exchange(at_ns=0, offset_ns=0, there_ns=0, back_ns=0))
    minute_ns = 60_000 * MS
    clock.add(exchange(at_ns=minute_ns, offset_ns=3 * MS, there_ns=2 * MS, back_ns=2 * MS))
    soon, late = clock.estimate(10_000 * MS), clock.estimate(minute_ns + 4 * MS)
    assert soon == ClockEstimate(offset_ns=0, bound_ns=MS)
    assert late == ClockEstimate(offset_ns=3 * MS, bound_ns=2 * MS)


def test_a_stepped_page_clock_makes_older_exchanges_forgotten() -> None:
    clock = ClockSync()
    clock.add(exchange(at_ns=0, offset_ns=0, there_ns=MS, back_ns=MS))
    clock.add(exchange(at_ns=10 * MS, offset_ns=-5_000 * MS, there_ns=20 * MS, back_ns=20 * MS))
    estimate = clock.estimate(50 * MS)
    assert estimate == ClockEstimate(offset_ns=-5_000 * MS, bound_ns=20 * MS)


@pytest.mark.parametrize(
    "impossible",
    [
        Exchange(sent_ns=0, page_received_ns=0, page_sent_ns=11, received_ns=10),
        Exchange(sent_ns=0, page_received_ns=9, page_sent_ns=8, received_ns=10),
    ],
    ids=["the page thought longer than we waited", "the page answered before it was asked"],
)
def test_an_exchange_that_cannot_be_true_is_refused(impossible: Exchange) -> None:
    clock = ClockSync()
    assert not clock.add(impossible)
    assert clock.estimate(0) is None


def test_before_the_first_exchange_nothing_is_known() -> None:
    assert ClockSync().estimate(0) is None


def test_what_is_kept_is_bounded_and_the_least_telling_exchange_makes_room() -> None:
    clock = ClockSync()
    clock.add(exchange(at_ns=0, offset_ns=0, there_ns=MS, back_ns=MS))
    for number in range(3 * WINDOW):
        clock.add(exchange(at_ns=number, offset_ns=0, there_ns=2 * MS, back_ns=2 * MS))
    assert len(clock._exchanges) == WINDOW
    assert clock.estimate(2 * MS) == ClockEstimate(offset_ns=0, bound_ns=MS)
