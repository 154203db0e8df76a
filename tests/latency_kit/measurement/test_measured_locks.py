"""Measured locks: every wait is counted, only contended ones are measurements, and holding is a series."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from latency_kit import Outcome, UsageError
from latency_kit.measurement.asyncio_locks import MeasuredAsyncLock
from latency_kit.measurement.readings import readings
from latency_kit.measurement.thread_locks import MeasuredLock
from latency_kit.testing import Capture, FakeClock, capture_measurements

THREAD_LOCKS: list[Callable[[], Any]] = [
    threading.Lock,
    threading.RLock,
    threading.Semaphore,
    threading.BoundedSemaphore,
]
ASYNC_LOCKS: list[Callable[[], Any]] = [asyncio.Lock, asyncio.Semaphore, asyncio.BoundedSemaphore]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def histogram(captured: Capture, name: str) -> list[tuple[Outcome, int, int, int]]:
    return [
        (one.outcome, one.histogram.count, one.histogram.min_ns, one.histogram.max_ns)
        for one in captured.series
        if one.name == name
    ]


def until_waiting(measured: MeasuredLock) -> None:
    """Return once somebody waits; a thread tells nobody that it blocks."""
    deadline = threading.Event()
    for _ in range(3000):
        if measured.waiting:
            return
        deadline.wait(0.01)
    raise AssertionError("nobody came to wait")


@pytest.mark.parametrize("make", THREAD_LOCKS)
def test_a_free_lock_is_entered_without_a_measurement_and_holding_it_is_recorded(
    make: Callable[[], Any], clock: FakeClock
) -> None:
    with capture_measurements(clock=clock) as captured, MeasuredLock("db", "row", make()) as is_in:
        assert is_in is True
        clock.advance(ns=40)
    assert captured.measurements == ()
    assert histogram(captured, "db.row.wait") == [(Outcome.OK, 1, 0, 0)]
    assert histogram(captured, "db.row.hold") == [(Outcome.OK, 1, 40, 40)]


@pytest.mark.parametrize("make", THREAD_LOCKS)
def test_waiting_for_a_taken_lock_is_a_measurement(make: Callable[[], Any], clock: FakeClock) -> None:
    with capture_measurements(clock=clock) as captured:
        measured = MeasuredLock("db", "row", make())
        measured.acquire()

        def enter() -> None:
            with measured:
                clock.advance(ns=3)

        thread = threading.Thread(target=enter)
        thread.start()
        until_waiting(measured)
        clock.advance(ns=90)
        measured.release()
        thread.join(30)
    assert [(one.name, one.duration_ns) for one in captured.measurements] == [("db.row.wait", 90)]
    assert histogram(captured, "db.row.wait") == [(Outcome.OK, 2, 0, 90)]
    assert histogram(captured, "db.row.hold") == [(Outcome.OK, 2, 3, 90)]
    assert measured.waiting == 0


@pytest.mark.parametrize("make", THREAD_LOCKS)
def test_who_does_not_get_in_is_counted_as_refused(make: Callable[[], Any]) -> None:
    results: list[bool] = []
    with capture_measurements() as captured:
        measured = MeasuredLock("db", "row", make())

        def try_both() -> None:
            results.append(measured.acquire(blocking=False))
            results.append(measured.acquire(timeout=0.001))

        with measured:
            thread = threading.Thread(target=try_both)
            thread.start()
            thread.join(30)
    assert results == [False, False]
    assert measured.refused == 2
    assert [one.outcome for one in captured.measurements] == [Outcome.TIMED_OUT]


def test_a_reentrant_lock_taken_again_begins_neither_a_wait_nor_a_stay(clock: FakeClock) -> None:
    with capture_measurements(clock=clock) as captured:
        measured = MeasuredLock("db", "row", threading.RLock())
        with measured:
            clock.advance(ns=1)
            with measured:
                clock.advance(ns=2)
            clock.advance(ns=4)
    assert histogram(captured, "db.row.wait") == [(Outcome.OK, 1, 0, 0)]
    assert histogram(captured, "db.row.hold") == [(Outcome.OK, 1, 7, 7)]


def test_a_lock_released_by_another_thread_is_held_until_then(clock: FakeClock) -> None:
    with capture_measurements(clock=clock) as captured:
        measured = MeasuredLock("db", "row")
        measured.acquire()
        assert measured.locked()
        clock.advance(ns=25)
        thread = threading.Thread(target=measured.release)
        thread.start()
        thread.join(30)
    assert histogram(captured, "db.row.hold") == [(Outcome.OK, 1, 25, 25)]


def test_a_permit_given_back_by_another_thread_has_no_hold_time_and_leaves_nothing_behind() -> None:
    with capture_measurements() as captured:
        measured = MeasuredLock("db", "row", threading.Semaphore(2))
        for _ in range(5):
            measured.acquire()
            thread = threading.Thread(target=measured.release)
            thread.start()
            thread.join(30)
    assert histogram(captured, "db.row.hold") == []
    assert measured._series._held == {}


@pytest.mark.parametrize("make", ASYNC_LOCKS)
def test_tasks_wait_and_hold_as_threads_do(make: Callable[[], Any], clock: FakeClock) -> None:
    async def main() -> None:
        measured = MeasuredAsyncLock("llm", "slot", make())

        async def enter() -> None:
            async with measured:
                clock.advance(ns=3)

        async with measured:
            assert measured.locked()
            waiting = asyncio.create_task(enter())
            await asyncio.sleep(0)
            assert measured.waiting == 1
            clock.advance(ns=90)
        await waiting

    with capture_measurements(clock=clock) as captured:
        asyncio.run(main())
    assert [(one.name, one.duration_ns) for one in captured.measurements] == [("llm.slot.wait", 90)]
    assert histogram(captured, "llm.slot.wait") == [(Outcome.OK, 2, 0, 90)]
    assert histogram(captured, "llm.slot.hold") == [(Outcome.OK, 2, 3, 90)]


def test_a_task_cancelled_while_it_waits_has_waited_in_vain(clock: FakeClock) -> None:
    async def main() -> None:
        measured = MeasuredAsyncLock("llm", "slot")
        async with measured:
            waiting = asyncio.create_task(measured.acquire())
            await asyncio.sleep(0)
            clock.advance(ns=11)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert (measured.waiting, measured.locked()) == (0, False)

    with capture_measurements(clock=clock) as captured:
        asyncio.run(main())
    assert [(one.outcome, one.duration_ns) for one in captured.measurements] == [(Outcome.CANCELLED, 11)]


def test_errors_of_the_lock_itself_pass_through_and_record_nothing() -> None:
    with capture_measurements() as captured:
        with pytest.raises(RuntimeError):
            MeasuredLock("db", "row").release()
        with pytest.raises(ValueError, match="released too many"):
            MeasuredAsyncLock("db", "row", asyncio.BoundedSemaphore(1)).release()
        with pytest.raises(AttributeError, match="does not know"):
            MeasuredLock("db", "row", threading.Semaphore()).locked()
    assert captured.series == ()


def test_waiting_and_refused_can_be_read() -> None:
    measured = MeasuredLock("readable", "row")
    with measured:
        assert not measured.acquire(blocking=False)
    assert {
        one.name: (one.value, one.is_total, one.attributes["latency.operation"])
        for one in readings()
        if one.attributes.get("latency.component") == "readable"
    } == {"latency.lock.waiting": (0, False, "row"), "latency.lock.refused": (1, True, "row")}


def test_bad_use_is_refused_at_construction() -> None:
    with pytest.raises(UsageError, match="lock or semaphore of threading, got 3"):
        MeasuredLock("db", "row", 3)  # type: ignore[arg-type]  # what this test is about
    with pytest.raises(UsageError, match="measure it with MeasuredAsyncLock"):
        MeasuredLock("db", "row", asyncio.Lock())  # type: ignore[arg-type]  # the same
    with pytest.raises(UsageError, match="lock or semaphore of asyncio"):
        MeasuredAsyncLock("db", "row", threading.Lock())  # type: ignore[arg-type]  # the same
    with pytest.raises(UsageError, match="operation"):
        MeasuredLock("db", "")


def test_a_lock_taken_before_recording_began_has_no_hold_time_and_is_left_as_ever() -> None:
    measured, slot = MeasuredLock("db", "row"), MeasuredAsyncLock("llm", "slot")

    async def take() -> None:
        await slot.acquire()

    asyncio.run(take())
    measured.acquire()
    with capture_measurements() as captured:
        measured.release()
        slot.release()
    assert captured.series == ()
    assert not measured.locked()
    assert not slot.locked()
