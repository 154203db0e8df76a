"""Calls tell what pauses of the runtime delayed them; the call that blocked its loop tells that instead."""

import threading
from collections.abc import Iterator, Mapping

import pytest

from latency_kit import measure_latency
from latency_kit.measurement.in_flight import follow_calls
from latency_kit.measurement.pauses import MAX_PAUSES, NotedPause, forget_pauses, note_pause, recent_pauses
from latency_kit.testing import Capture, FakeClock, capture_measurements


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(monotonic_ns=1000)


@pytest.fixture
def captured(clock: FakeClock) -> Iterator[Capture]:
    forget_pauses()
    with capture_measurements(clock=clock) as captured:
        follow_calls(on=True)
        yield captured
        follow_calls(on=False)
    forget_pauses()


def attributes_of(captured: Capture) -> Mapping[str, object]:
    (measured,) = captured.measurements
    return dict(measured.attributes)


def test_a_call_tells_the_pauses_that_it_overlaps_and_what_they_took_of_it(
    clock: FakeClock, captured: Capture
) -> None:
    note_pause(NotedPause("before", 0, 1000))
    with measure_latency("a", "b"):
        note_pause(NotedPause("garbage_collector.generation_2", 900, 1010))
        note_pause(NotedPause("event_loop.lag", 1005, 1030, thread_id=threading.get_ident(), where="m.f:3"))
        note_pause(NotedPause("another thread's", 1000, 1050, thread_id=-1))
        clock.advance(ns=100)
    note_pause(NotedPause("after", 1100, 1200))
    # From 1000 to 1030: the five nanoseconds that both took count once.
    assert attributes_of(captured) == {
        "latency.delayed_by": ("garbage_collector.generation_2", "event_loop.lag: m.f:3"),
        "latency.delayed_ns": 30,
    }


def test_a_pause_that_has_not_ended_counts_to_the_end_of_the_call(
    clock: FakeClock, captured: Capture
) -> None:
    with measure_latency("a", "b"):
        clock.advance(ns=40)
        note_pause(NotedPause("event_loop.lag", 1010))
    assert attributes_of(captured)["latency.delayed_ns"] == 30


def test_the_call_that_blocked_its_loop_is_not_delayed_by_it(clock: FakeClock, captured: Capture) -> None:
    me = threading.current_thread().name
    with measure_latency("a", "b"):
        clock.advance(ns=40)
        note_pause(NotedPause("event_loop.lag", 1010, 1040, thread_id=threading.get_ident(), task=me))
    assert attributes_of(captured) == {"latency.blocked_event_loop_ns": 30}


def test_a_call_without_a_pause_has_no_attributes_of_pauses(captured: Capture) -> None:
    with measure_latency("a", "b"):
        pass
    assert attributes_of(captured) == {}


def test_recent_pauses_can_be_listed_and_are_bounded(clock: FakeClock, captured: Capture) -> None:
    clock.advance(ns=9000)
    for number in range(MAX_PAUSES + 5):
        note_pause(NotedPause("x", number, number + 7))
    note_pause(NotedPause("y", 9500, task="t", where="m.f:1"))
    listed = recent_pauses()
    assert len(listed) == MAX_PAUSES
    assert (listed[0].start_ns, listed[0].duration_ns, listed[0].is_over) == (6, 7, True)
    last = listed[-1]
    assert (last.name, last.duration_ns, last.is_over, last.task, last.where) == (
        "y",
        500,
        False,
        "t",
        "m.f:1",
    )
