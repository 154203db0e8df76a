"""A page's times come onto our clock, in the order of cause and effect."""

from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.display.paint_times import PagePaint, PaintTimes, to_our_clock

ANY_NS = st.integers(0, 10**12)


def paint(received_ns: int, dom_updated_ns: int, painted_ns: int) -> PagePaint:
    return PagePaint(
        seq=1,
        received_ns=received_ns,
        dom_updated_ns=dom_updated_ns,
        painted_ns=painted_ns,
        replied_ns=painted_ns,
        hidden=False,
    )


def test_times_within_bounds_are_moved_by_the_offset_and_nothing_else() -> None:
    times = to_our_clock(paint(1_020, 1_030, 1_040), offset_ns=1_000, sending_ns=10, arrived_ns=50)
    assert times == PaintTimes(received_ns=20, dom_updated_ns=30, painted_ns=40, clamped=False)


def test_nothing_is_received_before_it_was_sent() -> None:
    times = to_our_clock(paint(5, 30, 40), offset_ns=0, sending_ns=10, arrived_ns=50)
    assert times == PaintTimes(received_ns=10, dom_updated_ns=30, painted_ns=40, clamped=True)


def test_nothing_is_painted_after_we_were_told_of_it() -> None:
    times = to_our_clock(paint(20, 30, 90), offset_ns=0, sending_ns=10, arrived_ns=50)
    assert times == PaintTimes(received_ns=20, dom_updated_ns=30, painted_ns=50, clamped=True)


@given(ANY_NS, ANY_NS, ANY_NS, st.integers(-(10**12), 10**12), ANY_NS, ANY_NS)
def test_whatever_a_page_says_its_times_do_not_decrease_nor_leave_the_bounds(  # noqa: PLR0917  # drawn
    received_ns: int, dom_updated_ns: int, painted_ns: int, offset_ns: int, sending_ns: int, waited_ns: int
) -> None:
    arrived_ns = sending_ns + waited_ns
    said = paint(received_ns, dom_updated_ns, painted_ns)
    times = to_our_clock(said, offset_ns=offset_ns, sending_ns=sending_ns, arrived_ns=arrived_ns)
    assert sending_ns <= times.received_ns <= times.dom_updated_ns <= times.painted_ns <= arrived_ns
    untouched = (received_ns - offset_ns, dom_updated_ns - offset_ns, painted_ns - offset_ns)
    assert times.clamped == (untouched != (times.received_ns, times.dom_updated_ns, times.painted_ns))
