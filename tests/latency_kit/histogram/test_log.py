"""`.hlog` files: exact stamps, torn lines, and the hdrhistogram package as the other reader and writer."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader as PeerReader
from hdrh.log import HistogramLogWriter as PeerWriter
from hypothesis import given
from hypothesis import strategies as st

from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.histogram import (
    Histogram,
    HistogramLogReader,
    HistogramLogWriter,
    HistogramSnapshot,
    LoggedInterval,
)

START = 1_441_812_279_474_000_000
SECOND = 10**9
STAMPS = st.integers(0, 4 * 10**18)


def recorded(*values: int) -> HistogramSnapshot:
    histogram = Histogram()
    histogram.record_many(values)
    return histogram.snapshot()


def written(*snapshots: HistogramSnapshot, base_unix_nano: int = 0, tag: str | None = None) -> str:
    """Return a log of one interval a second."""
    stream = io.StringIO()
    log = HistogramLogWriter(stream, start_unix_nano=START, base_unix_nano=base_unix_nano)
    for second, snapshot in enumerate(snapshots):
        start = START + second * SECOND
        log.write(snapshot, start_unix_nano=start, end_unix_nano=start + SECOND, tag=tag)
    return stream.getvalue()


def read(text: str) -> list[LoggedInterval]:
    return list(HistogramLogReader(io.StringIO(text)))


def test_a_log_is_what_the_format_says() -> None:
    stream = io.StringIO()
    log = HistogramLogWriter(
        stream, start_unix_nano=START, base_unix_nano=START, comments=["Made by latency_kit\nfor people"]
    )
    log.write(recorded(2_769_000), start_unix_nano=START + 127_000_000, end_unix_nano=START + 1_134_000_500)
    log.write(
        HistogramSnapshot.empty(), start_unix_nano=START + SECOND, end_unix_nano=START + SECOND, tag="llm"
    )
    lines = stream.getvalue().splitlines()
    assert lines[:6] == [
        "#Made by latency_kit",
        "#for people",
        "#[Histogram log format version 1.3]",
        "#[StartTime: 1441812279.474 (seconds since epoch), Wed Sep  9 15:24:39 2015 UTC]",
        "#[BaseTime: 1441812279.474 (seconds since epoch)]",
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
    ]
    assert lines[6].startswith("0.127,1.0070005,2.769,HISTFAAA")
    assert lines[7].startswith("Tag=llm,1.000,0.000,0.000,HISTFAAA")
    assert len(lines) == 8


@given(
    st.lists(st.tuples(STAMPS, STAMPS, st.sampled_from([None, "llm.generate", "a=b"])), max_size=5), STAMPS
)
def test_intervals_come_back_with_their_stamps_tags_and_counts(
    intervals: list[tuple[int, int, str | None]], base: int
) -> None:
    stream = io.StringIO()
    log = HistogramLogWriter(stream, start_unix_nano=base, base_unix_nano=base)
    for start, length, tag in intervals:
        log.write(
            recorded(length), start_unix_nano=base + start, end_unix_nano=base + start + length, tag=tag
        )
    reader = HistogramLogReader(io.StringIO(stream.getvalue()))
    for (start, length, tag), interval in zip(intervals, reader, strict=True):
        assert (interval.start_unix_nano, interval.end_unix_nano) == (base + start, base + start + length)
        assert interval.tag == tag
        assert interval.snapshot.has_same_counts(recorded(length))
        assert reader.start_unix_nano == base
    assert reader.torn_lines == 0


def test_every_interval_is_one_write_of_one_whole_line() -> None:
    class Stream(io.StringIO):
        writes: list[str]

        def write(self, text: str) -> int:
            self.writes.append(text)
            return len(text)

    stream = Stream()
    stream.writes = []
    log = HistogramLogWriter(stream, start_unix_nano=START)
    del stream.writes[:]
    log.write(recorded(5), start_unix_nano=START, end_unix_nano=START, tag="a")
    assert len(stream.writes) == 1
    assert stream.writes[0].index("\n") == len(stream.writes[0]) - 1


def test_the_hdrhistogram_package_reads_our_log(tmp_path: Path) -> None:
    path = tmp_path / "run.hlog"
    path.write_text(written(recorded(5, 7_000_000), recorded(9_000_000), tag="llm"), encoding="utf-8")
    peer = PeerReader(str(path), HdrHistogram(1, 3600 * SECOND, 3))
    try:
        first, second = peer.get_next_interval_histogram(), peer.get_next_interval_histogram()
        assert peer.get_next_interval_histogram() is None
        assert peer.get_start_time_sec() == START / SECOND
    finally:
        peer.close()
    assert (first.get_total_count(), second.get_total_count()) == (2, 1)
    assert first.get_count_at_value(7_000_000) == 1
    assert first.get_tag() == "llm"
    assert first.get_start_time_stamp() == START / 10**6
    assert second.get_start_time_stamp() == pytest.approx((START + SECOND) / 10**6, abs=0.001)
    assert second.get_end_time_stamp() == pytest.approx((START + 2 * SECOND) / 10**6, abs=0.001)


def test_we_read_a_log_of_the_hdrhistogram_package(tmp_path: Path) -> None:
    path = tmp_path / "peer.hlog"
    histogram = HdrHistogram(1, 3600 * SECOND, 3)
    histogram.record_value(7_000_000, 300)
    with path.open("w", encoding="utf-8") as stream:
        peer = PeerWriter(stream)
        peer.output_log_format_version()
        peer.output_base_time(START // 10**6)
        peer.output_legend()
        peer.output_interval_histogram(histogram, 0.5, 2.25)
    with path.open(encoding="utf-8") as stream:
        (interval,) = HistogramLogReader(stream)
    assert interval.start_unix_nano == START + SECOND // 2
    assert interval.end_unix_nano == START + SECOND * 9 // 4
    assert interval.snapshot.count == 300
    assert interval.snapshot.value_at_percentile(50) == 7_000_063


def test_a_log_without_base_time_has_absolute_stamps_unless_they_are_a_year_before_its_start() -> None:
    start = "#[StartTime: 1441812279.474 (seconds since epoch), some day]\n"
    histogram = written(recorded(5)).splitlines()[-1].rpartition(",")[2]
    absolute, relative = f"1441812280.5,1.0,0.0,{histogram}\n", f"0.127,1.007,2.769,{histogram}\n"
    assert read(start + absolute)[0].start_unix_nano == 1_441_812_280_500_000_000
    assert read(start + relative)[0].start_unix_nano == START + 127_000_000
    an_hour_before = absolute.replace("1441812280.5", "1441808680.5")
    assert read(start + an_hour_before)[0].start_unix_nano == 1_441_808_680_500_000_000
    reader = HistogramLogReader([absolute, absolute])
    assert [interval.start_unix_nano for interval in reader] == [1_441_812_280_500_000_000] * 2
    assert reader.start_unix_nano == 1_441_812_280_500_000_000
    assert read(relative)[0].start_unix_nano == 127_000_000


def test_a_log_is_read_line_by_line() -> None:
    def lines() -> Iterator[str]:
        yield from written(recorded(5)).splitlines(keepends=True)
        raise AssertionError("the second interval was asked for before the first was used")

    assert next(iter(HistogramLogReader(lines()))).snapshot.count == 1


def test_a_torn_last_line_is_skipped_and_counted_wherever_it_is_torn() -> None:
    text = written(recorded(5), recorded(7), tag="llm")
    last_line = text.index("Tag=llm", text.index("Tag=llm") + 1)
    for end in range(last_line + 1, len(text) - 1):
        for lines in (io.StringIO(text[:end]), text[:end].splitlines()):
            reader = HistogramLogReader(lines)
            assert [interval.snapshot.count for interval in reader] == [1]
            assert reader.torn_lines == 1


def test_a_last_line_that_only_lacks_its_end_is_read() -> None:
    assert len(read(written(recorded(5), recorded(7)).rstrip("\n"))) == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0.1,1.0,2.0", "line 4 of the histogram log: an interval has 4 fields, got 3"),
        ("0.1,1.0,2.0,HISTF,x", "an interval has 4 fields, got 5"),
        ("now,1.0,2.0,HISTFAAA", "expected seconds such as 12.345, got 'now'"),
        ("-1.0,1.0,2.0,HISTFAAA", "expected seconds such as 12.345, got '-1.0'"),
        ("0.1,,2.0,HISTFAAA", "expected seconds such as 12.345, got ''"),
        ("0.1,1e3,2.0,HISTFAAA", "expected seconds such as 12.345, got '1e3'"),
        ("0.1,1.0,2.0,HISTFAA", "line 4 of the histogram log: the encoded histogram is not base64"),
        ("0.1,1.0,2.0,AAAAAAAAAAAA", "not an HdrHistogram V2 encoding"),
        ("#[StartTime: soon (seconds since epoch)]", "expected seconds such as 12.345, got 'soon'"),
        ("#[BaseTime: ]", "expected seconds such as 12.345, got"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, message: str) -> None:
    lines = written(recorded(5)).splitlines(keepends=True)
    lines.insert(3, f"{line}\n")
    with pytest.raises(CorruptDataError, match=message):
        list(HistogramLogReader(lines))
    with pytest.raises(CorruptDataError, match=message):
        list(HistogramLogReader([text.rstrip("\n") for text in lines]))
    with pytest.raises(CorruptDataError, match=message):
        list(HistogramLogReader(lines[:4]))


def test_blank_lines_and_comments_are_passed_over() -> None:
    assert len(read("\n\n# a comment, with a comma\n" + written(recorded(5)) + "\n#end\n")) == 1


def test_the_start_of_a_log_of_nothing_is_unknown() -> None:
    with pytest.raises(CorruptDataError, match="no start time and no interval"):
        _ = HistogramLogReader([]).start_unix_nano


@pytest.mark.parametrize("tag", ["", "a,b", "a b", "a\tb", "a\nb"])
def test_a_tag_that_would_break_the_line_is_refused(tag: str) -> None:
    with pytest.raises(UsageError, match="a tag is a word without commas and white space"):
        written(recorded(5), tag=tag)


def test_an_interval_that_ends_before_it_starts_or_starts_before_the_base_is_refused() -> None:
    log = HistogramLogWriter(io.StringIO(), start_unix_nano=START, base_unix_nano=START)
    for start, end in ((START + 5, START + 4), (START - 1, START)):
        with pytest.raises(UsageError, match="an interval starts at or after the base time"):
            log.write(recorded(5), start_unix_nano=start, end_unix_nano=end)


@pytest.mark.parametrize(("start", "base"), [(-1, 0), (0, -1)])
def test_stamps_before_1970_are_refused(start: int, base: int) -> None:
    with pytest.raises(UsageError, match="must be nanoseconds from 1970"):
        HistogramLogWriter(io.StringIO(), start_unix_nano=start, base_unix_nano=base)
