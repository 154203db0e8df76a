"""Nothing is lost or counted twice while threads write and others read.

`LATENCY_KIT_STRESS_VALUES` sets how many values the stress test records (a million by default).
"""

import os
import sys
import threading
from collections.abc import Iterator
from itertools import cycle, islice

import pytest

from latency_kit.errors import UsageError
from latency_kit.histogram import MAX_VALUE_NS, BucketLayout, Histogram, HistogramSnapshot, Recorder
from latency_kit.histogram.recorder import _PORTION

WRITERS = 8
STRESS_VALUES = int(os.environ.get("LATENCY_KIT_STRESS_VALUES", "1000000"))


def recorded(values: list[int]) -> HistogramSnapshot:
    histogram = Histogram()
    histogram.record_many(values)
    return histogram.snapshot()


def test_an_interval_holds_what_was_recorded_since_the_last_one() -> None:
    recorder = Recorder()
    recorder.record(5)
    recorder.record(7)
    assert recorder.interval_snapshot() == recorded([5, 7])
    assert recorder.interval_snapshot().count == 0
    recorder.record_many([9, 11])
    assert recorder.interval_snapshot() == recorded([9, 11])
    assert recorder.cumulative_snapshot() == recorded([5, 7, 9, 11])


def test_each_reader_has_intervals_of_its_own_that_begin_with_the_recorder() -> None:
    recorder = Recorder()
    recorder.record(5)
    assert recorder.interval_snapshot("metrics") == recorded([5])
    recorder.record(7)
    assert recorder.interval_snapshot("log") == recorded([5, 7])
    recorder.record(9)
    assert recorder.interval_snapshot("metrics") == recorded([7, 9])
    assert recorder.interval_snapshot("log") == recorded([9])


def test_reading_the_whole_does_not_end_an_interval() -> None:
    recorder = Recorder()
    recorder.interval_snapshot()
    recorder.record(5)
    assert recorder.cumulative_snapshot() == recorded([5])
    recorder.record(7)
    assert recorder.interval_snapshot() == recorded([5, 7])


def test_values_are_in_the_next_snapshot_however_few_or_many_wait() -> None:
    for count in (1, _PORTION - 1, _PORTION, _PORTION + 1, 10 * _PORTION + 3):
        recorder = Recorder()
        for value in range(count):
            recorder.record(value)
        assert recorder.cumulative_snapshot() == recorded(list(range(count)))


def test_waiting_values_are_bounded_when_nobody_reads() -> None:
    recorder = Recorder()
    for value in range(20 * _PORTION):
        recorder.record(value)
        assert len(recorder._pending) < _PORTION
    recorder.record_many(range(1000))
    assert len(recorder._pending) < 1000


def test_a_backlog_left_while_a_fold_was_held_up_shrinks_with_every_further_value() -> None:
    recorder = Recorder()
    with recorder._fold_lock:
        for value in range(100_000):
            recorder.record(value)
    assert len(recorder._pending) == 100_000
    further = 0
    while len(recorder._pending) >= _PORTION:
        waiting = len(recorder._pending)
        recorder.record(further)
        further += 1
        assert len(recorder._pending) < waiting
    assert further < 100
    assert recorder.cumulative_snapshot().count == 100_000 + further


def test_a_writer_never_waits_for_the_lock_even_when_its_own_thread_holds_it() -> None:
    recorder = Recorder()
    with recorder._fold_lock:
        # A lock that was waited for would hang here: it is not reentrant.
        for value in range(2 * _PORTION):
            recorder.record(value)
    assert recorder.cumulative_snapshot() == recorded(list(range(2 * _PORTION)))


@pytest.mark.parametrize("value", [-1, MAX_VALUE_NS + 1, 1.5, "5", None, True])
def test_a_value_is_refused_where_it_is_recorded_and_none_of_its_batch_is_kept(value: int) -> None:
    recorder = Recorder()
    with pytest.raises(UsageError, match=r"a value must be an int from 0 to 2\*\*63 - 1 nanoseconds"):
        recorder.record(value)
    with pytest.raises(UsageError, match=r"a value must be an int from 0 to 2\*\*63 - 1 nanoseconds"):
        recorder.record_many([1, value])
    assert recorder.cumulative_snapshot().count == 0


def test_a_recorder_keeps_its_layout() -> None:
    recorder = Recorder(BucketLayout(2))
    recorder.record(5)
    assert recorder.layout == BucketLayout(2)
    assert recorder.interval_snapshot("a").layout == BucketLayout(2)
    assert recorder.interval_snapshot("a").layout == BucketLayout(2)


class Crowd:
    """Eight writers, two interval readers and one that watches the whole, all at the same time."""

    def __init__(self, pattern: list[int]) -> None:
        self.recorder = Recorder()
        self.pattern = pattern
        self.intervals: dict[str, HistogramSnapshot] = {}
        self.counts: list[int] = []
        self._start = threading.Barrier(WRITERS + 3)
        self._written = threading.Event()

    def values_of(self, writer: int) -> Iterator[int]:
        """Yield what one writer records; no two writers record the same."""
        for value in islice(cycle(self.pattern), STRESS_VALUES // WRITERS):
            yield value + writer

    def run(self) -> None:
        writers = [threading.Thread(target=self._write, args=(writer,)) for writer in range(WRITERS)]
        readers = [threading.Thread(target=self._read, args=(reader,)) for reader in ("metrics", "log")]
        readers.append(threading.Thread(target=self._watch))
        for thread in writers + readers:
            thread.start()
        for thread in writers:
            thread.join()
        self._written.set()
        for thread in readers:
            thread.join()

    def _write(self, writer: int) -> None:
        self._start.wait(30)
        for value in self.values_of(writer):
            self.recorder.record(value)

    def _read(self, reader: str) -> None:
        self._start.wait(30)
        merged = HistogramSnapshot.empty()
        while not self._written.is_set():
            merged += self.recorder.interval_snapshot(reader)
        self.intervals[reader] = merged

    def _watch(self) -> None:
        self._start.wait(30)
        while not self._written.is_set():
            self.counts.append(self.recorder.cumulative_snapshot().count)


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Lets threads interrupt each other 500 times as often as usual, which is where races would show."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("frequent_switches")
def test_eight_threads_and_concurrent_readers_account_for_every_value(log_normal_values: list[int]) -> None:
    crowd = Crowd(log_normal_values)
    crowd.run()
    truth = Histogram()
    for writer in range(WRITERS):
        truth.record_many(crowd.values_of(writer))
    expected = truth.snapshot()
    assert expected.count == STRESS_VALUES // WRITERS * WRITERS
    assert crowd.recorder.cumulative_snapshot() == expected
    for reader in ("metrics", "log"):
        assert crowd.intervals[reader] + crowd.recorder.interval_snapshot(reader) == expected
    assert crowd.counts == sorted(crowd.counts)
