"""The V2 encoding: exact round trips, the hdrhistogram package as the other side, corruption."""

import base64
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from multiprocessing import get_context

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from latency_kit.errors import CorruptDataError, LatencyKitError
from latency_kit.histogram import (
    DEFAULT_LAYOUT,
    MAX_VALUE_NS,
    BucketLayout,
    Histogram,
    HistogramSnapshot,
    decode,
    decode_base64,
    encode,
    encode_base64,
    encode_compressed,
)
from latency_kit.histogram.counters import MAX_COUNT

HOUR_NS = 3600 * 10**9
COUNTS = st.sampled_from([1, 63, 64, 8191, 8192, 2**34, 2**48, 2**55 - 1, 2**55, 2**56])
RECORDS = st.lists(st.tuples(st.integers(0, MAX_VALUE_NS), COUNTS), max_size=50)
LAYOUTS = st.sampled_from([DEFAULT_LAYOUT, BucketLayout(1), BucketLayout(2, 1000), BucketLayout(5)])


def recorded(records: list[tuple[int, int]], layout: BucketLayout = DEFAULT_LAYOUT) -> HistogramSnapshot:
    histogram = Histogram(layout)
    for value, count in records:
        histogram.record(value, count=count)
    return histogram.snapshot()


def peer_counts(peer: HdrHistogram) -> dict[int, int]:
    """Return the counts by index of a histogram of the hdrhistogram package."""
    return {index: count for index in range(peer.counts_len) if (count := peer.get_count_at_index(index))}


@given(RECORDS, LAYOUTS)
@settings(deadline=None)
def test_every_count_survives_a_round_trip(records: list[tuple[int, int]], layout: BucketLayout) -> None:
    original = recorded(records, layout)
    for decoded in (
        decode(encode(original)),
        decode(encode_compressed(original)),
        decode_base64(encode_base64(original)),
    ):
        assert decoded.has_same_counts(original)
        assert decoded.count == original.count


def test_a_decoded_snapshot_knows_sum_min_and_max_to_the_width_of_a_bucket_and_says_so(
    distribution: Callable[[int], list[int]],
) -> None:
    original = recorded([(value, 1) for value in distribution(9)])
    decoded = decode(encode(original))
    assert not decoded.is_exact
    assert decoded.min_ns == DEFAULT_LAYOUT.lowest_equivalent(original.min_ns)
    assert decoded.max_ns == DEFAULT_LAYOUT.highest_equivalent(original.max_ns)
    assert decoded.sum_ns == pytest.approx(original.sum_ns, rel=1e-3)
    assert decoded.percentiles([0, 50, 99, 100]) == original.percentiles([0, 50, 99, 100])


def test_what_is_merged_from_an_encoding_is_not_exact_either() -> None:
    decoded = decode(encode(recorded([(5, 1)])))
    histogram = Histogram()
    histogram.add(decoded)
    assert not histogram.snapshot().is_exact
    assert not (recorded([(7, 1)]) + decoded).is_exact
    histogram.reset()
    assert histogram.snapshot().is_exact


@pytest.mark.parametrize(("figures", "lowest_ns"), [(1, 1), (2, 1), (3, 1), (3, 1000), (4, 1)])
def test_the_hdrhistogram_package_decodes_the_same_counts(
    distribution: Callable[[int], list[int]], figures: int, lowest_ns: int
) -> None:
    values = [min(value, HOUR_NS) for value in distribution(1)]
    snapshot = recorded([(value, 3) for value in values], BucketLayout(figures, lowest_ns))
    peer = HdrHistogram.decode(encode_base64(snapshot))
    assert peer_counts(peer) == dict(snapshot.counters.items())
    assert peer.get_total_count() == snapshot.count
    assert (peer.significant_figures, peer.lowest_trackable_value) == (figures, lowest_ns)


@pytest.mark.parametrize(("figures", "lowest_ns"), [(1, 1), (2, 1), (3, 1), (3, 1000), (4, 1)])
def test_what_the_hdrhistogram_package_encodes_is_decoded_with_the_same_counts(
    distribution: Callable[[int], list[int]], figures: int, lowest_ns: int
) -> None:
    peer = HdrHistogram(lowest_ns, HOUR_NS, figures)
    for value in distribution(2):
        peer.record_value(min(value, HOUR_NS), 300)
    decoded = decode_base64(peer.encode().decode("ascii"))
    assert decoded.layout == BucketLayout(figures, lowest_ns)
    assert dict(decoded.counters.items()) == peer_counts(peer)


def test_values_beyond_an_hour_are_read_by_the_hdrhistogram_package() -> None:
    peer = HdrHistogram.decode(encode_base64(recorded([(1, 1), (50 * HOUR_NS, 7)])))
    assert peer.get_count_at_value(50 * HOUR_NS) == 7


def test_an_empty_histogram_is_read_by_both() -> None:
    text = encode_base64(HistogramSnapshot.empty())
    assert HdrHistogram.decode(text).get_total_count() == 0
    assert decode_base64(text) == HistogramSnapshot.empty()
    assert decode_base64(HdrHistogram(1, HOUR_NS, 3).encode().decode("ascii")).count == 0


def test_the_bytes_are_those_of_the_v2_specification() -> None:
    # Counts: three zeros (-3 is 5), 1 (2), one zero (0), 64 (128, in two bytes), index 2048 after 2042 zeros.
    data = encode(recorded([(3, 1), (5, 64), (2048, 1)]))
    header = struct.unpack(">IIiiQQd", data[:40])
    assert header == (0x1C849313, len(data) - 40, 0, 3, 1, HOUR_NS, 1.0)
    assert data[40:] == bytes([5, 2, 0, 0x80, 1, 2 * 2042 - 1 & 0x7F | 0x80, (2 * 2042 - 1) >> 7, 2])
    compressed = encode_compressed(recorded([(3, 1), (5, 64), (2048, 1)]))
    assert struct.unpack(">II", compressed[:8]) == (0x1C849314, len(compressed) - 8)
    assert zlib.decompress(compressed[8:]) == data
    assert encode_base64(recorded([(3, 1)])).startswith("HISTFAAA")


def test_the_largest_count_takes_nine_bytes() -> None:
    data = encode(recorded([(0, MAX_COUNT)]))
    assert data[40:] == bytes([0xFE, *[0xFF] * 8])
    assert decode(data).count == MAX_COUNT


def encode_in_child(values: list[int]) -> bytes:
    """Record values and return their encoding, as a worker process would."""
    histogram = Histogram()
    histogram.record_many(values)
    return encode_compressed(histogram.snapshot())


def header(length: int, **changes: float) -> bytes:
    fields = {"cookie": 0x1C849313, "offset": 0, "figures": 3, "lowest": 1, "highest": HOUR_NS, "ratio": 1.0}
    fields.update(changes)
    cookie, offset, figures, lowest, highest, ratio = fields.values()
    return struct.pack(">IIiiQQd", cookie, length, offset, figures, lowest, highest, ratio)


def compressed(data: bytes) -> bytes:
    deflated = zlib.compress(data)
    return struct.pack(">II", 0x1C849314, len(deflated)) + deflated


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "at least 8 bytes, got 0"),
        (b"\x1c\x84\x93", "at least 8 bytes, got 3"),
        (b"not a histogram at all", "not an HdrHistogram V2 encoding: it begins with 0x6e6f7420"),
        (struct.pack(">II", 0x1C849301, 0), "it is in the V1 encoding"),
        (struct.pack(">II", 0x1C849388, 0), "it is in the V0 encoding"),
        (header(0)[:39], "has 40 bytes, only 39 are there"),
        (header(2) + b"\x02", "should have 2 bytes of counts, only 1 are there"),
        (header(1) + b"\x02\x02", "should have 1 bytes of counts, more are there"),
        (header(1) + b"\x80", "ends within a number"),
        (header(8) + b"\xff" * 8, "ends within a number"),
        (header(9) + b"\xff" * 9, "counts beyond index 55295"),
        (header(4) + b"\xff\xff\x7f\x02", "counts beyond index 55295"),
        (header(18) + (b"\xfe" + b"\xff" * 8) * 2, r"holds more than 2\*\*63 - 1 values"),
        (header(0, figures=0), "names no layout: significant_figures"),
        (header(0, figures=-1), "names no layout: significant_figures"),
        (header(0, figures=2**30), "names no layout: significant_figures"),
        (header(0, lowest=0), "names no layout: lowest_ns"),
        (header(0, lowest=2**63), "names no layout: lowest_ns"),
        (header(0, offset=1024), "shifted or of doubles"),
        (header(0, ratio=0.5), "shifted or of doubles"),
        (header(2**32 - 1), "claims 4294967295 bytes of counts, more than its layout has"),
        (compressed(header(2**32 - 1)), "claims 4294967295 bytes"),
        (compressed(header(0)[:20]), "has 40 bytes, only 20 are there"),
        (compressed(header(0, cookie=0x1C849314)), "the histogram inside begins with 0x1c849314"),
        (compressed(header(1) + b"\x02")[:-1], "compressed bytes, it has"),
        (compressed(header(1) + b"\x02") + b"\x00", "compressed bytes, it has"),
        (compressed(header(1) + b"\x02\x02"), "more are there"),
        (struct.pack(">II", 0x1C849314, 4) + b"oops", "cannot be decompressed"),
        (compressed(header(1) + bytes(50_000_000)), "more are there"),
    ],
)
def test_corrupt_data_give_one_clear_line(data: bytes, message: str) -> None:
    with pytest.raises(CorruptDataError, match=message) as raised:
        decode(data)
    assert "\n" not in str(raised.value)


def test_data_that_inflate_without_end_take_no_memory_to_refuse() -> None:
    bomb = compressed(header(1) + bytes(20_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(CorruptDataError):
            decode(bomb)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_stream_that_is_cut_before_its_checksum_is_corrupt() -> None:
    deflated = zlib.compress(header(1) + b"\x02")[:-4]
    with pytest.raises(CorruptDataError, match="do not end where its counts do"):
        decode(struct.pack(">II", 0x1C849314, len(deflated)) + deflated)


@pytest.mark.parametrize("text", ["HISTF", "HISTFAAA*&^%", "höher", "HIST FAAA"])
def test_what_is_no_base64_is_corrupt(text: str) -> None:
    with pytest.raises(CorruptDataError, match="the encoded histogram is not base64"):
        decode_base64(text)


@settings(deadline=None)
@given(st.data())
def test_any_damage_is_refused_or_read_but_never_raises_anything_else(data: st.DataObject) -> None:
    make = data.draw(st.sampled_from([encode, encode_compressed]))
    damaged = bytearray(make(recorded([(value * 1000, value) for value in range(1, 60)])))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    for candidate in (bytes(damaged), bytes(damaged[:cut])):
        try:
            assert decode(candidate).count >= 0
        except LatencyKitError as error:
            assert isinstance(error, CorruptDataError)  # noqa: PT017  # both ways out are right


@given(st.binary(max_size=200))
def test_no_bytes_hang_or_crash_the_decoder(data: bytes) -> None:
    for candidate in (data, header(len(data)) + data, compressed(header(len(data)) + data)):
        try:
            assert decode(candidate).count >= 0
        except LatencyKitError as error:
            assert isinstance(error, CorruptDataError)  # noqa: PT017  # both ways out are right


def test_base64_text_may_end_its_line() -> None:
    text = encode_base64(recorded([(5, 1)]))
    assert decode_base64(f"{text}\n").count == 1
    assert base64.b64decode(text) == encode_compressed(recorded([(5, 1)]))


def test_histograms_of_several_processes_merge_exactly(log_normal_values: list[int]) -> None:
    parts = [log_normal_values[start::3] for start in range(3)]
    with get_context("spawn").Pool(2) as pool:
        encodings = pool.map(encode_in_child, parts)
    merged = HistogramSnapshot.empty().merge(*map(decode, encodings))
    assert merged.has_same_counts(recorded([(value, 1) for value in log_normal_values]))
