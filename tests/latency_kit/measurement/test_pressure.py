"""Under any pressure every duration is in its histogram; what waits is bounded, what is lost is counted."""

import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from latency_kit import measure_latency
from latency_kit.clock import SYSTEM_CLOCK, WallAnchor
from latency_kit.configuration.activation import activate, deactivate
from latency_kit.measurement import drain as drain_module
from latency_kit.measurement import recording as recording_module
from latency_kit.measurement.active import active
from latency_kit.measurement.drain import DrainThread
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.recording import Recording
from latency_kit.testing import FakeClock


def make_recording(**arguments: Any) -> Recording:
    losses = Losses()
    recording = Recording(anchor=WallAnchor.take(), losses=losses, **arguments)
    activate(recording, clock=SYSTEM_CLOCK, anchor=WallAnchor.take(), losses=losses)
    return recording


@pytest.fixture(autouse=True)
def _inactive() -> Iterator[None]:
    yield
    deactivate()


@measure_latency("a", "b", span=False)
def call() -> None: ...


def count(recording: Recording) -> int:
    return sum(series.histogram.count for series in recording.snapshot())


def test_call_sites_help_while_more_waits_than_is_drained_and_stop_when_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording_module, "_PRESSURE_ABOVE", 1000)
    monkeypatch.setattr(recording_module, "_PRESSURE_BELOW", 100)
    recording = make_recording()
    plain = active.append
    for _ in range(1500):
        call()
    recording._meet_pressure()
    assert active.append != plain
    for _ in range(1500):
        call()
    # Each call folds sixteen for the one that it adds.
    assert len(recording._pending) + len(recording._taken) < 16
    recording._meet_pressure()
    assert active.append == plain
    assert count(recording) == 3000


def test_a_call_site_that_helps_never_waits_for_the_thread_that_drains() -> None:
    recording = make_recording()
    with recording._lock:
        recording._append_and_help((call.__wrapped__, 0, 0))  # type: ignore[attr-defined]  # only its being there counts
    assert len(recording._pending) == 1


def test_no_count_is_lost_while_many_threads_write_and_others_drain_and_read() -> None:
    recording = make_recording()
    drain = DrainThread(recording.drain_gently, interval_s=0.001)
    drain.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.000_05)
    try:
        writers = [threading.Thread(target=lambda: [call() for _ in range(10_000)]) for _ in range(4)]
        for writer in writers:
            writer.start()
        seen = 0
        while any(writer.is_alive() for writer in writers):
            now = count(recording)
            assert now >= seen
            seen = now
        for writer in writers:
            writer.join()
    finally:
        sys.setswitchinterval(interval)
        drain.stop()
    assert count(recording) == 40_000
    assert active.losses.counts() == {}


def test_what_waits_for_a_stuck_observer_is_bounded_and_counted_and_histograms_go_on() -> None:
    stuck, release, told = threading.Event(), threading.Event(), []

    def observer(measurements: Any) -> None:
        stuck.set()
        release.wait(10)
        told.extend(measurements)

    recording = make_recording(observers=[observer], max_untold=100)
    call()
    thread = threading.Thread(target=recording.drain_gently)
    thread.start()
    assert stuck.wait(10)
    for _ in range(500):
        call()
    with recording._lock:
        while recording._handle(64):
            pass
    assert len(recording._untold) == 100
    assert active.losses.counts() == {"measurements_dropped": 400}
    release.set()
    thread.join()
    assert count(recording) == 501
    recording.drain()
    assert len(told) == 101


def test_the_drain_thread_comes_more_often_the_more_it_finds_and_calms_down_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drain_module, "time", SimpleNamespace(monotonic=lambda: 50.0))
    waits: list[float] = []
    found = iter([0, 3000, 3000, 300, 0])

    class Stopping:
        def wait(self, interval_s: float) -> bool:
            waits.append(interval_s)
            return len(waits) > 5

    drain = DrainThread(lambda: next(found), interval_s=0.1)
    drain._run(Stopping())  # type: ignore[arg-type]  # all that it asks of an event
    assert waits == pytest.approx([0.0, 0.1, 0.01, 0.01, 0.01, 0.1])


@pytest.mark.parametrize(("pause_ns", "portion"), [(60_000, 64), (5_000_000, 20)])
def test_the_drain_pauses_after_each_small_portion_and_makes_them_smaller_where_others_compute(
    monkeypatch: pytest.MonkeyPatch, pause_ns: int, portion: int
) -> None:
    clock = FakeClock()
    pauses: list[float] = []

    def sleep(pause_s: float) -> None:
        pauses.append(pause_s)
        clock.advance(ns=pause_ns)

    monkeypatch.setattr(
        recording_module, "time", SimpleNamespace(sleep=sleep, perf_counter_ns=clock.monotonic_ns)
    )
    recording = make_recording()
    for _ in range(2000):
        call()
    assert recording.drain_gently() == 2000
    # The first portion is the usual one, whatever follows; a list that was taken may end in a smaller one.
    assert len(pauses) - 1 == -(-(2000 - 64) // portion)
    assert 0 < max(pauses) < 0.001
