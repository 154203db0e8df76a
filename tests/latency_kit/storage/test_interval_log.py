"""The `.hlog` of a running program: whole lines, bounded, read by other HdrHistogram implementations."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader as PeerReader

from latency_kit import Outcome, RecordedInterval, SeriesSnapshot, UsageError
from latency_kit.histogram import HistogramLogReader
from latency_kit.storage import IntervalLog, series_tag

BuildSeries = Callable[..., SeriesSnapshot]
SECOND = 10**9
START = 1_738_324_800 * SECOND + 123_456_789


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "calls.hlog"


def interval(*series: SeriesSnapshot, number: int = 0) -> RecordedInterval:
    start = START + number * 10 * SECOND
    return RecordedInterval(series=series, start_unix_nano=start, end_unix_nano=start + 10 * SECOND)


def peers_counts(path: Path) -> dict[str, int]:
    """Return the counts by tag as the hdrhistogram package reads them."""
    counts: dict[str, int] = {}
    reader = PeerReader(str(path), HdrHistogram(1, 3_600_000_000_000, 3))
    while (histogram := reader.get_next_interval_histogram()) is not None:
        tag = histogram.get_tag()
        counts[tag] = counts.get(tag, 0) + histogram.get_total_count()
    reader.input_file.close()
    return counts


def test_each_interval_is_a_line_for_each_series_with_its_stamps(path: Path, series: BuildSeries) -> None:
    log = IntervalLog(path)
    log.write(interval(series(5, 7), series(9, outcome=Outcome.ERROR)))
    log.write(interval(series(11), number=1))
    log.close()
    with path.open() as lines:
        read = list(HistogramLogReader(lines))
    assert [(one.tag, one.snapshot.count) for one in read] == [
        ("llm.generate", 2),
        ("llm.generate.error", 1),
        ("llm.generate", 1),
    ]
    assert [one.start_unix_nano for one in read] == [START, START, START + 10 * SECOND]
    assert {one.end_unix_nano - one.start_unix_nano for one in read} == {10 * SECOND}
    assert (log.written, log.lost) == (3, 0)


def test_the_hdrhistogram_package_reads_the_file(path: Path, series: BuildSeries) -> None:
    log = IntervalLog(path)
    for number in range(5):
        log.write(interval(series(5, 7, 10**9), series(9, operation="stream"), number=number))
    log.close()
    assert peers_counts(path) == {"llm.generate": 15, "llm.stream": 5}


@pytest.mark.parametrize(
    ("fields", "tag"),
    [
        ({}, "llm.generate"),
        ({"outcome": Outcome.TIMED_OUT}, "llm.generate.timed_out"),
        ({"component": "db pool", "operation": "a,b=c;d"}, "db%20pool.a%2Cb%3Dc%3Bd"),
        ({"component": "100%"}, "100%25.generate"),
        ({"operation": "föhn\u2028"}, "llm.f%C3%B6hn%E2%80%A8"),
        (
            {"attributes": {"model": "a b", "ports": (1, 2)}, "outcome": Outcome.ERROR},
            "llm.generate.error{model=a%20b;ports=(1%2C%202)}",
        ),
    ],
)
def test_a_tag_names_the_series_in_one_word(
    path: Path, series: BuildSeries, fields: dict[str, object], tag: str
) -> None:
    one = series(5, **fields)
    assert series_tag(one) == tag
    IntervalLog(path).write(interval(one))
    assert peers_counts(path) == {tag: 1}


def test_an_interval_without_calls_writes_nothing(path: Path) -> None:
    IntervalLog(path).write(interval())
    assert not path.exists()


def test_the_log_is_bounded_and_each_of_its_files_is_read_by_itself(path: Path, series: BuildSeries) -> None:
    log = IntervalLog(path, max_bytes=1000, backups=2)
    for number in range(100):
        log.write(interval(series(number), number=number))
    log.close()
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["calls.hlog", "calls.hlog.1", "calls.hlog.2"]
    assert all(file.stat().st_size <= 1000 for file in files[1:])
    assert sum(peers_counts(file)["llm.generate"] for file in files) < 100
    for file in files:
        assert file.read_text().startswith("#[latency_kit")
    with path.open() as lines:
        assert max(one.start_unix_nano for one in HistogramLogReader(lines)) == START + 99 * 10 * SECOND


def test_a_log_that_was_torn_goes_on_with_a_line_of_its_own(path: Path, series: BuildSeries) -> None:
    log = IntervalLog(path)
    log.write(interval(series(5)))
    log.close()
    path.write_bytes(path.read_bytes()[:-10])
    IntervalLog(path).write(interval(series(7), number=1))
    assert path.read_text().splitlines()[-1].startswith("Tag=llm.generate,")


def test_threads_append_whole_lines(path: Path, series: BuildSeries) -> None:
    log = IntervalLog(path)

    def work() -> None:
        for number in range(50):
            log.write(interval(series(5), series(6, operation="stream"), number=number))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert peers_counts(path) == {"llm.generate": 200, "llm.stream": 200}


def test_what_cannot_be_written_is_counted_and_raises_nothing(
    path: Path, series: BuildSeries, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.write_text("a file where the directory should be")
    log = IntervalLog(path)
    log.write(interval(series(5), series(6, operation="stream")))
    assert (log.written, log.lost, dict(log.failures)) == (0, 2, {"open": 1})
    assert len(caplog.records) == 1


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a directory"):
        IntervalLog(os.fspath(tmp_path))
