"""Intervals of the whole recording, through the real hot path: no value lost, none twice.

`LATENCY_KIT_STRESS_VALUES` sets how many calls the stress test measures (200 000 by default).
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader as PeerReader

import latency_kit
from latency_kit import RecordedInterval, UsageError
from latency_kit.histogram import HistogramLogReader, HistogramSnapshot
from latency_kit.measurement.series_intervals import MAX_READERS
from latency_kit.testing import FakeClock
from latency_kit.units import NS_PER_MS, NS_PER_S

WRITERS = 8
STRESS_VALUES = int(os.environ.get("LATENCY_KIT_STRESS_VALUES", "200000"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def telemetry(clock: FakeClock) -> Iterator[latency_kit.Telemetry]:
    with latency_kit.configure(clock=clock) as configured:
        yield configured


def call(clock: FakeClock, *, ms: float, operation: str = "generate") -> None:
    with latency_kit.measure_latency("llm", operation):
        clock.advance(ms=ms)


def counts(interval: RecordedInterval) -> dict[str, int]:
    return {series.name: series.histogram.count for series in interval.series}


def test_an_interval_holds_what_was_recorded_since_the_reader_looked_last(
    telemetry: latency_kit.Telemetry, clock: FakeClock
) -> None:
    call(clock, ms=10)
    assert counts(telemetry.interval()) == {"llm.generate": 1}
    assert counts(telemetry.interval()) == {}
    call(clock, ms=20)
    call(clock, ms=30, operation="stream")
    interval = telemetry.interval()
    assert counts(interval) == {"llm.generate": 1, "llm.stream": 1}
    assert interval.count == 2
    assert [series.histogram.sum_ns for series in interval.series] == [20 * NS_PER_MS, 30 * NS_PER_MS]


def test_each_reader_has_intervals_of_its_own(telemetry: latency_kit.Telemetry, clock: FakeClock) -> None:
    call(clock, ms=10)
    assert telemetry.interval("dashboard").count == 1
    call(clock, ms=10)
    assert telemetry.interval("report").count == 2
    assert telemetry.interval("dashboard").count == 1
    assert telemetry.snapshot()[0].histogram.count == 2


def test_intervals_of_a_reader_adjoin(telemetry: latency_kit.Telemetry, clock: FakeClock) -> None:
    first = telemetry.interval()
    clock.advance(s=10)
    call(clock, ms=5)
    second = telemetry.interval()
    assert second.start_unix_nano == first.end_unix_nano
    assert second.end_unix_nano - second.start_unix_nano == 10 * NS_PER_S + 5 * NS_PER_MS
    assert {series.start_unix_nano for series in second.series} == {second.start_unix_nano}


def test_counts_and_sums_are_exact_and_new_extremes_are(
    telemetry: latency_kit.Telemetry, clock: FakeClock
) -> None:
    for ms in (10, 20):
        call(clock, ms=ms)
    telemetry.interval()
    for ms in (5.000_001, 15, 30.000_001):
        call(clock, ms=ms)
    (series,) = telemetry.interval().series
    histogram = series.histogram
    assert (histogram.count, histogram.sum_ns) == (3, 50_000_002)
    assert (histogram.min_ns, histogram.max_ns) == (5_000_001, 30_000_001)


def test_intervals_add_up_to_the_whole(telemetry: latency_kit.Telemetry, clock: FakeClock) -> None:
    intervals = []
    for ms in range(1, 30):
        call(clock, ms=ms)
        intervals.append(telemetry.interval())
    (merged,) = latency_kit.merge_series(*(interval.series for interval in intervals))
    (whole,) = telemetry.snapshot()
    assert merged.histogram.has_same_counts(whole.histogram)
    assert merged.histogram.sum_ns == whole.histogram.sum_ns


def test_readers_are_bounded(telemetry: latency_kit.Telemetry) -> None:
    for number in range(MAX_READERS):
        telemetry.interval(f"reader {number}")
    telemetry.interval("reader 0")
    with pytest.raises(UsageError, match="one fixed name"):
        telemetry.interval("one more")


def test_eight_threads_and_concurrent_readers_account_for_every_call() -> None:
    """Half of the calls through decorators, half through blocks; four readers, two of which share a name."""
    taken: dict[str, list[RecordedInterval]] = {"own a": [], "own b": [], "shared": []}
    ends = threading.Event()
    each = STRESS_VALUES // WRITERS

    def read(name: str) -> None:
        while not ends.is_set():
            taken[name].append(telemetry.interval(name))

    with latency_kit.configure(drain_interval_s=0.01, spans=False) as telemetry:
        writers = [threading.Thread(target=write_calls, args=(number, each)) for number in range(WRITERS)]
        readers = [threading.Thread(target=read, args=(name,)) for name in (*taken, "shared")]
        for thread in (*readers, *writers):
            thread.start()
        for thread in writers:
            thread.join()
        ends.set()
        for thread in readers:
            thread.join()
        whole = {series.name: series.histogram for series in telemetry.snapshot()}
        for name, intervals in taken.items():
            intervals.append(telemetry.interval(name))
        # Observers, such as the ring, may be told of too many at once; the histograms miss nothing.
        assert set(telemetry.losses()) <= {"measurements_dropped"}
    assert whole["stress.decorated"].count == each * WRITERS // 2
    assert sum(histogram.count for histogram in whole.values()) == each * WRITERS
    for intervals in taken.values():
        assert_adds_up(intervals, whole)


def write_calls(number: int, times: int) -> None:
    @latency_kit.measure_latency("stress", "decorated")
    def decorated() -> None:
        pass

    for _ in range(times):
        if number % 2:
            decorated()
        else:
            with latency_kit.measure_latency("stress", f"block {number}"):
                pass


def assert_adds_up(intervals: list[RecordedInterval], whole: dict[str, HistogramSnapshot]) -> None:
    merged = latency_kit.merge_series(*(interval.series for interval in intervals))
    assert {series.name for series in merged} == set(whole)
    for series in merged:
        assert series.histogram.has_same_counts(whole[series.name])
        assert series.histogram.sum_ns == whole[series.name].sum_ns


# --- the interval log -----------------------------------------------------------------------------


def test_a_running_program_writes_its_intervals_to_a_log_that_the_hdrhistogram_package_reads(
    tmp_path: Path, clock: FakeClock
) -> None:
    path = tmp_path / "calls.hlog"
    with latency_kit.configure(hlog=path, hlog_interval_s=3600, clock=clock) as telemetry:
        for _ in range(3):
            call(clock, ms=10)
        assert telemetry.flush()
        call(clock, ms=20)
        latency_kit.begin("llm", "generate", start_ns=0).end(
            at_ns=40 * NS_PER_MS, outcome=latency_kit.Outcome.ERROR
        )
    reader = PeerReader(str(path), HdrHistogram(1, 3_600_000_000_000, 3))
    read = []
    while (histogram := reader.get_next_interval_histogram()) is not None:
        read.append((histogram.get_tag(), histogram.get_total_count(), histogram.get_max_value()))
    reader.input_file.close()
    # The values as the package reports them: the highest of their buckets.
    assert read == [
        ("llm.generate", 3, 10_002_431),
        ("llm.generate.error", 1, 40_009_727),
        ("llm.generate", 1, 20_004_863),
    ]


def test_the_log_is_written_at_its_interval_without_being_asked(tmp_path: Path) -> None:
    path = tmp_path / "calls.hlog"
    with latency_kit.configure(hlog=path, hlog_interval_s=0.01):
        with latency_kit.measure_latency("llm", "generate"):
            pass
        waiting = threading.Event()
        for _ in range(3000):
            if path.exists():
                break
            waiting.wait(0.01)
        with path.open() as lines:
            (interval,) = HistogramLogReader(lines)
    assert (interval.tag, interval.snapshot.count) == ("llm.generate", 1)


def test_readers_of_intervals_and_the_log_take_nothing_from_each_other(
    tmp_path: Path, clock: FakeClock
) -> None:
    path = tmp_path / "calls.hlog"
    with latency_kit.configure(hlog=path, hlog_interval_s=3600, clock=clock) as telemetry:
        call(clock, ms=10)
        assert telemetry.interval().count == 1
        telemetry.flush()
        call(clock, ms=10)
        assert telemetry.interval().count == 1
    with path.open() as lines:
        assert [interval.snapshot.count for interval in HistogramLogReader(lines)] == [1, 1]


@pytest.mark.parametrize(
    "options",
    [
        {"hlog": "calls.hlog", "hlog_interval_s": 0},
        {"hlog": "calls.hlog", "hlog_interval_s": float("nan")},
        {"share": "share", "share_interval_s": -1},
        {"share": "share", "share_interval_s": float("inf")},
        {"hlog": "."},
    ],
)
def test_settings_that_make_no_sense_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(latency_kit.ConfigurationError, match=r"hlog|share"):
        latency_kit.configure(**options)  # type: ignore[arg-type]  # the point of the test


def test_what_the_log_loses_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    in_the_way = tmp_path / "logs"
    in_the_way.write_text("a file where the directory should be")
    with latency_kit.configure(hlog=in_the_way / "calls.hlog", hlog_interval_s=3600) as telemetry:
        with latency_kit.measure_latency("llm", "generate"):
            pass
        assert not telemetry.flush()
        assert telemetry.losses() == {"hlog_lines_lost": 1}
