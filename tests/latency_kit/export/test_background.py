"""The background thread: its calls never overlap, waits end in time, nothing it raises goes further."""

import threading
import time
from collections.abc import Callable

import pytest

from latency_kit.export.background import BackgroundWork
from latency_kit.measurement.losses import Losses

HOUR_S = 3600.0


def quiet_work(losses: Losses, work: Callable[[], bool], interval_s: float = HOUR_S) -> BackgroundWork:
    return BackgroundWork(name="test", interval_s=interval_s, work=work, losses=losses)


def test_flush_calls_the_work_and_tells_what_it_said(losses: Losses) -> None:
    answers = [True, False, True]
    background = quiet_work(losses, lambda: answers.pop(0))
    assert background.flush(10)
    assert not background.flush(10)
    assert background.shutdown(10)
    assert answers == []


def test_flush_waits_for_a_call_that_began_after_it(losses: Losses) -> None:
    began, go_on = threading.Event(), threading.Event()
    calls: list[int] = []

    def work() -> bool:
        calls.append(len(calls))
        began.set()
        return go_on.wait(10)

    background = quiet_work(losses, work)
    background.wake()
    assert began.wait(10)
    flushed = threading.Thread(target=background.flush, args=(10,))
    flushed.start()
    go_on.set()
    flushed.join(10)
    assert len(calls) == 2
    assert background.shutdown(10)


def test_neither_flush_nor_shutdown_waits_longer_than_told(losses: Losses) -> None:
    go_on = threading.Event()
    background = quiet_work(losses, lambda: go_on.wait(30))
    began_s = time.monotonic()
    assert not background.flush(0.05)
    assert not background.shutdown(0.05)
    assert not background.flush(30)
    assert time.monotonic() - began_s < 5
    go_on.set()
    assert background.shutdown(10)


def test_what_the_work_raises_is_counted_and_the_thread_goes_on(losses: Losses) -> None:
    outcomes: list[Exception | None] = [RuntimeError("broken"), None]

    def work() -> bool:
        if outcomes and (error := outcomes.pop(0)):
            raise error
        return True

    background = quiet_work(losses, work)
    assert not background.flush(10)
    assert background.flush(10)
    background.shutdown(10)
    assert losses.counts() == {"export_passes_failed": 1}


def test_the_work_is_called_at_every_interval(losses: Losses) -> None:
    third = threading.Event()
    calls: list[None] = []

    def work() -> bool:
        calls.append(None)
        if len(calls) == 3:
            third.set()
        return True

    background = quiet_work(losses, work, interval_s=0.01)
    assert third.wait(10)
    assert background.shutdown(10)


def test_the_work_is_called_one_last_time_at_shutdown_and_never_after(losses: Losses) -> None:
    calls: list[None] = []
    background = quiet_work(losses, lambda: calls.append(None) is None)
    assert background.shutdown(10)
    assert background.shutdown(10)
    background.wake()
    assert not background.flush(0.1)
    assert len(calls) == 1


def test_shutdown_from_within_the_work_does_not_wait_for_itself(losses: Losses) -> None:
    answers: list[bool] = []
    background: list[BackgroundWork] = []
    ready = threading.Event()

    def work() -> bool:
        ready.wait(10)
        answers.append(background[0].shutdown(60))
        return True

    background.append(quiet_work(losses, work))
    background[0].wake()
    ready.set()
    assert background[0].shutdown(10)
    assert answers[0] is False


@pytest.mark.parametrize("threads", [4])
def test_calls_of_the_work_never_overlap(losses: Losses, threads: int) -> None:
    inside = 0
    most = 0

    def work() -> bool:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        inside -= 1
        return True

    background = quiet_work(losses, work)
    flushers = [
        threading.Thread(target=lambda: [background.flush(10) for _ in range(20)]) for _ in range(threads)
    ]
    for flusher in flushers:
        flusher.start()
    for flusher in flushers:
        flusher.join(30)
    background.shutdown(10)
    assert most == 1
