"""HdrHistogram's V2 encoding, which every HdrHistogram implementation reads. Log files live in `log`.

A V2 encoding keeps the layout and every count, so that histograms of other processes and machines merge
exactly. It does not keep sum, min and max: a decoded snapshot knows them to a bucket's width and says so
(`is_exact` is False). Whoever needs them exact carries them beside it and calls
`HistogramSnapshot.with_exact_figures`.

Source: `encodeIntoByteBuffer`, `encodeIntoCompressedByteBuffer` and `decodeFromByteBuffer` in
AbstractHistogram.java. All numbers in the headers are big-endian.
"""

import binascii
import struct
import zlib

from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.histogram.layout import MAX_VALUE_NS, BucketLayout
from latency_kit.histogram.snapshot import HistogramSnapshot
from latency_kit.histogram.zigzag import LARGEST_NUMBER_BYTES, counts_from_bytes, counts_to_bytes

__all__ = ["decode", "decode_base64", "encode", "encode_base64", "encode_compressed"]

_PLAIN_COOKIE = 0x1C849313
_COMPRESSED_COOKIE = 0x1C849314
_OLDER_COOKIES = {0x1C849301: "V1", 0x1C849302: "V1", 0x1C849308: "V0", 0x1C849309: "V0"}
_WORD_SIZE_BITS = 0xF0

_ENVELOPE = struct.Struct(">II")
"""Of the compressed form: cookie, bytes that follow."""

_HEADER = struct.Struct(">IIiiQQd")
"""Cookie, bytes of counts, normalizing index offset, significant figures, lowest and highest trackable value,
ratio of whole numbers to the doubles of a DoubleHistogram."""

_USUAL_HIGHEST_NS = 3600 * 10**9
"""Readers size their arrays by the highest value of the header: an hour, or more where more was recorded."""


def encode(snapshot: HistogramSnapshot) -> bytes:
    """Return the uncompressed V2 encoding."""
    counts = counts_to_bytes(snapshot.counters)
    layout = snapshot.layout
    highest_ns = max(_USUAL_HIGHEST_NS, 2 * layout.lowest_ns)
    if snapshot.count:
        highest_ns = max(highest_ns, layout.highest_equivalent(snapshot.max_ns))
    header = _HEADER.pack(
        _PLAIN_COOKIE,
        len(counts),
        0,
        layout.significant_figures,
        layout.lowest_ns,
        min(highest_ns, MAX_VALUE_NS),
        1.0,
    )
    return header + counts


def encode_compressed(snapshot: HistogramSnapshot) -> bytes:
    """Return the zlib-compressed V2 encoding."""
    compressed = zlib.compress(encode(snapshot))
    return _ENVELOPE.pack(_COMPRESSED_COOKIE, len(compressed)) + compressed


def encode_base64(snapshot: HistogramSnapshot) -> str:
    """Return the compressed V2 encoding as text on one line (it begins with `HISTFAAA`)."""
    return binascii.b2a_base64(encode_compressed(snapshot), newline=False).decode("ascii")


def decode_base64(text: str) -> HistogramSnapshot:
    """Return the snapshot that `encode_base64`, or another HdrHistogram implementation, wrote.

    Raises:
        CorruptDataError: The text is not base64 of a V2 encoding.
    """
    try:
        data = binascii.a2b_base64(text.strip().encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise CorruptDataError(f"the encoded histogram is not base64: {error}") from None
    return decode(data)


def decode(data: bytes) -> HistogramSnapshot:
    """Return the snapshot of a V2 encoding, compressed or not.

    Takes no more memory than the counters that the header's layout allows, whatever the data say.

    Raises:
        CorruptDataError: The data are not a V2 encoding, are truncated, or go on after its end.
    """
    if len(data) < _ENVELOPE.size:
        raise CorruptDataError(f"an encoded histogram has at least {_ENVELOPE.size} bytes, got {len(data)}")
    cookie, length = _ENVELOPE.unpack_from(data)
    if cookie == _PLAIN_COOKIE:
        layout = _layout_of(data[: _HEADER.size])
        return _snapshot_of(layout, data[_HEADER.size :], length)
    if cookie != _COMPRESSED_COOKIE:
        known = _OLDER_COOKIES.get(cookie & ~_WORD_SIZE_BITS)
        form = f"it is in the {known} encoding" if known else f"it begins with {cookie:#010x}"
        raise CorruptDataError(
            f"not an HdrHistogram V2 encoding: {form}, expected {_PLAIN_COOKIE:#x} or {_COMPRESSED_COOKIE:#x}"
        )
    compressed = data[_ENVELOPE.size :]
    if len(compressed) != length:
        raise CorruptDataError(
            f"the encoded histogram should have {length} compressed bytes, it has {len(compressed)}"
        )
    return _inflated(compressed)


def _inflated(compressed: bytes) -> HistogramSnapshot:
    """Decompress in two steps, so that the header bounds what the counts may take."""
    inflater = zlib.decompressobj()
    try:
        header = inflater.decompress(compressed, _HEADER.size)
        layout = _layout_of(header)
        length = _ENVELOPE.unpack_from(header)[1]
        counts = inflater.decompress(inflater.unconsumed_tail, length + 1)
    except zlib.error as error:
        raise CorruptDataError(f"the encoded histogram cannot be decompressed: {error}") from None
    snapshot = _snapshot_of(layout, counts, length)
    if not inflater.eof or inflater.unused_data:
        raise CorruptDataError("the compressed data of the encoded histogram do not end where its counts do")
    return snapshot


def _layout_of(header: bytes) -> BucketLayout:
    if len(header) < _HEADER.size:
        raise CorruptDataError(
            f"the header of an encoded histogram has {_HEADER.size} bytes, only {len(header)} are there"
        )
    cookie, length, offset, figures, lowest_ns, _highest_ns, ratio = _HEADER.unpack(header)
    if cookie != _PLAIN_COOKIE:
        raise CorruptDataError(
            f"the histogram inside begins with {cookie:#010x}, expected {_PLAIN_COOKIE:#x}"
        )
    if offset or ratio != 1.0:
        raise CorruptDataError(
            f"the encoded histogram is shifted or of doubles (offset {offset}, ratio {ratio}); "
            "expected offset 0 and ratio 1.0"
        )
    try:
        layout = BucketLayout(figures, lowest_ns)
    except UsageError as error:
        raise CorruptDataError(f"the header of the encoded histogram names no layout: {error}") from None
    if length > layout.index_limit * LARGEST_NUMBER_BYTES:
        raise CorruptDataError(
            f"the encoded histogram claims {length} bytes of counts, more than its layout has"
        )
    return layout


def _snapshot_of(layout: BucketLayout, counts: bytes, length: int) -> HistogramSnapshot:
    if len(counts) != length:
        there = "more" if len(counts) > length else f"only {len(counts)}"
        raise CorruptDataError(
            f"the encoded histogram should have {length} bytes of counts, {there} are there"
        )
    counters = counts_from_bytes(counts, index_limit=layout.index_limit)
    return HistogramSnapshot.from_counters(layout, counters)
