"""Sets of series as bytes come back equal, merge exactly, and are refused when they are damaged."""

import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_kit import CorruptDataError, Outcome, SeriesSnapshot, UsageError, merge_series
from latency_kit.histogram import BucketLayout, Histogram, decode
from latency_kit.measurement.series import Exemplar
from latency_kit.storage import decode_series, encode_series
from latency_kit.storage.series_frame import SeriesEncoder, decode_frame

BuildSeries = Callable[..., SeriesSnapshot]


def exemplar(value_ns: int) -> Exemplar:
    return Exemplar(value_ns=value_ns, unix_nano=2, trace_id=2**128 - 1, span_id=2**64 - 1)


def test_series_come_back_equal(series: BuildSeries) -> None:
    written = (
        series(5, 7, 10**9, attributes={"model": "small", "ports": (80, 443), "is_warm": True, "share": 0.5}),
        series(1, operation="föhn, 😀", outcome=Outcome.TIMED_OUT, exemplars=(exemplar(9), exemplar(4))),
        series(operation="nothing recorded"),
    )
    read = decode_series(encode_series(written))
    assert read == written
    assert [one.histogram.is_exact for one in read] == [True] * 3


@given(st.lists(st.integers(min_value=0, max_value=2**63 - 1), min_size=1, max_size=50))
def test_sum_minimum_and_maximum_are_kept_exactly_whatever_was_recorded(values: list[int]) -> None:
    histogram = Histogram()
    histogram.record_many(values)
    snapshot = SeriesSnapshot(
        component="a",
        operation="b",
        outcome=Outcome.OK,
        attributes={},
        histogram=histogram.snapshot(),
        start_unix_nano=1,
        exemplars=(),
    )
    (read,) = decode_series(encode_series([snapshot]))
    assert (read.histogram.count, read.histogram.sum_ns) == (len(values), sum(values))
    assert (read.histogram.min_ns, read.histogram.max_ns) == (min(values), max(values))


def test_what_is_not_exact_is_not_called_so_after_the_journey(series: BuildSeries) -> None:
    interval = series(5_000, 9_000, 1_000_003).histogram.minus(series(9_000).histogram)
    (read,) = decode_series(encode_series([series(histogram=interval)]))
    assert (read.histogram, read.histogram.is_exact) == (interval, False)


def test_the_counts_in_a_frame_are_hdr_histogram_s_own_encoding(series: BuildSeries) -> None:
    one = series(5, 7, 10**9)
    frame = encode_series([one])
    at = frame.index(struct.pack(">I", 0x1C849314))
    assert decode(frame[at:]).has_same_counts(one.histogram)


def test_an_encoder_encodes_only_what_has_changed_and_its_frames_are_those_of_a_new_one(
    series: BuildSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = SeriesEncoder()
    first = [series(5), series(6, operation="other")]
    assert encoder.encode(first) == encode_series(first)
    encoded = []
    real = zlib.compress
    monkeypatch.setattr(zlib, "compress", lambda data: encoded.append(1) or real(data))
    second = [first[0], series(6, 7, operation="other")]
    frame = encoder.encode(second)
    assert len(encoded) == 1
    assert decode_series(frame) == tuple(second)
    # Fewer series, as after a renewal: the others are forgotten.
    assert decode_series(encoder.encode(second[1:])) == tuple(second[1:])


def test_a_series_that_began_anew_with_as_many_values_is_encoded_anew(series: BuildSeries) -> None:
    encoder = SeriesEncoder()
    encoder.encode([series(5)])
    assert decode_series(encoder.encode([series(6, start_unix_nano=99)])) == (series(6, start_unix_nano=99),)


def test_a_frame_tells_what_was_said_of_the_whole(series: BuildSeries) -> None:
    assert dict(decode_frame(SeriesEncoder().encode([], {"process": 7})).about) == {"process": 7}
    assert dict(decode_frame(encode_series([series(1)])).about) == {}


def damaged(frame: bytes, **changes: Any) -> bytes:
    """Return a frame with another head or rest, and the checksum of that rest."""
    rest = changes.get("rest", frame[14:])
    head = struct.pack(
        ">4sHII",
        changes.get("magic", b"LKSF"),
        changes.get("version", 1),
        changes.get("length", len(rest)),
        changes.get("checksum", zlib.crc32(rest)),
    )
    return head + rest


def test_a_frame_cut_off_anywhere_or_with_any_byte_changed_is_refused(series: BuildSeries) -> None:
    frame = encode_series([series(5, 7)])
    for length in range(len(frame)):
        with pytest.raises(CorruptDataError):
            decode_series(frame[:length])
    for at in range(len(frame)):
        with pytest.raises(CorruptDataError):
            decode_series(frame[:at] + bytes([frame[at] ^ 0x55]) + frame[at + 1 :])


@given(st.binary(max_size=300))
def test_no_bytes_whatever_raise_anything_else(rest: bytes) -> None:
    with pytest.raises(CorruptDataError):
        decode_series(damaged(b"", rest=rest + b"\x01"))


def test_a_frame_of_a_newer_version_says_so(series: BuildSeries) -> None:
    with pytest.raises(CorruptDataError, match="version 2, this latency_kit reads 1"):
        decode_series(damaged(encode_series([series(1)]), version=2))


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        (b'"sum_ns":12', b'"sum_ns":99'),
        (b'"outcome":"ok"', b'"outcome":"no"'),
        (b'"component":"llm"', b'"component":[11]'),
        (b'"operation"', b'"operatio_"'),
        (b'"min_ns":5', b'"min_ns":7'),
    ],
)
def test_an_entry_that_says_what_cannot_be_is_refused(
    series: BuildSeries, part: bytes, instead: bytes
) -> None:
    frame = encode_series([series(5, 7)])
    assert part in frame
    rest = frame[14:].replace(part, instead)
    grown = len(instead) - len(part)
    # The text of the only entry begins after the empty text about the whole (4 + 2 bytes).
    length = struct.unpack_from(">I", rest, 6)[0] + grown
    rest = rest[:6] + struct.pack(">I", length) + rest[10:]
    with pytest.raises(CorruptDataError):
        decode_series(damaged(frame, rest=rest))


# --- merging --------------------------------------------------------------------------------------


def test_merged_series_are_those_of_one_recording_of_all_calls(series: BuildSeries) -> None:
    merged = merge_series(
        [series(5, 10**9, start_unix_nano=30), series(7, outcome=Outcome.ERROR)],
        [series(2, 3, start_unix_nano=20)],
        [series(1, operation="other")],
    )
    assert merged == (
        series(7, outcome=Outcome.ERROR),
        series(5, 10**9, 2, 3, start_unix_nano=20),
        series(1, operation="other"),
    )


def test_merging_is_the_same_in_any_order_and_grouping(series: BuildSeries) -> None:
    sets = [[series(*range(n, 5 * n + 1))] for n in range(1, 5)]
    merged = merge_series(*sets)
    assert merge_series(*reversed(sets)) == merged
    assert merge_series(merge_series(*sets[:2]), merge_series(*sets[2:])) == merged
    assert merge_series() == ()


def test_series_that_differ_in_attributes_or_their_types_are_not_merged(series: BuildSeries) -> None:
    kinds = [{}, {"a": 1}, {"a": True}, {"a": 1.0}, {"a": "1"}, {"a": (1,)}]
    assert len(merge_series([series(1, attributes=kind) for kind in kinds])) == len(kinds)
    assert (
        len(merge_series([series(1, attributes={"a": 1, "b": 2}), series(1, attributes={"b": 2, "a": 1})]))
        == 1
    )


def test_the_slowest_exemplars_of_all_are_kept(series: BuildSeries) -> None:
    one = series(1, exemplars=tuple(map(exemplar, (9, 7, 5, 3))))
    other = series(1, exemplars=tuple(map(exemplar, (8, 6))))
    (merged,) = merge_series([one], [other])
    assert [each.value_ns for each in merged.exemplars] == [9, 8, 7, 6]


def test_histograms_of_different_layouts_are_not_merged(series: BuildSeries) -> None:
    coarse = Histogram(BucketLayout(significant_figures=2))
    coarse.record(5)
    with pytest.raises(UsageError, match="use one layout"):
        merge_series([series(5)], [series(histogram=coarse.snapshot())])
