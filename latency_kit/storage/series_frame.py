"""A set of series as bytes, and back: for a queue, a socket, or the file of a process (`shared_file`).

A frame is a head, a text about the whole, and one entry for each series: a text (names, attributes, exact
figures, exemplars) and HdrHistogram's V2 encoding of the counts, which the rest of the world reads too.
Nothing in a frame is executed when it is read: it may come from anywhere.

    head    magic "LKSF", version, bytes of the rest, CRC-32 of the rest       (big-endian)
    about   length, JSON object
    entry   length of text, length of counts, JSON object, V2 encoding         (repeated)
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.histogram.codec import decode, encode_compressed
from latency_kit.measurement.call_site import is_attribute_value
from latency_kit.measurement.measurement import AttributeValue, Outcome
from latency_kit.measurement.series import Exemplar, SeriesSnapshot
from latency_kit.measurement.series_sets import SeriesKey, series_key

__all__ = ["Frame", "SeriesEncoder", "decode_frame", "decode_series", "encode_series"]

VERSION = 1

_MAGIC = b"LKSF"
_HEAD = struct.Struct(">4sHII")
_LENGTH = struct.Struct(">I")
_LENGTHS = struct.Struct(">II")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame that was read.

    Attributes:
        series: The series, in the order in which they were written.
        about: What the writer said of the whole; empty for the frames of `encode_series`.
    """

    series: tuple[SeriesSnapshot, ...]
    about: Mapping[str, Any]


def encode_series(series: Iterable[SeriesSnapshot]) -> bytes:
    """Return a set of series as one frame of bytes, for another process or machine.

    `decode_series` gives back equal snapshots: counts, sum, minimum, maximum and exemplars.
    """
    return SeriesEncoder().encode(series)


def decode_series(data: bytes) -> tuple[SeriesSnapshot, ...]:
    """Return the series of a frame that `encode_series` made.

    Raises:
        CorruptDataError: The data are not such a frame, are of a newer version, truncated or damaged.
    """
    return decode_frame(data).series


class SeriesEncoder:
    """Makes frames of one recording again and again.

    * Only series with values that were not in the last frame are encoded anew.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[SeriesKey, tuple[SeriesSnapshot, bytes]] = {}

    def encode(self, series: Iterable[SeriesSnapshot], about: Mapping[str, Any] | None = None) -> bytes:
        """Return one frame of `series`; `about` must be fit for JSON."""
        kept = {series_key(one): (one, self._entry(one)) for one in series}
        self._kept = kept
        text = _json(dict(about) if about else {})
        rest = b"".join((_LENGTH.pack(len(text)), text, *(entry for _, entry in kept.values())))
        return _HEAD.pack(_MAGIC, VERSION, len(rest), zlib.crc32(rest)) + rest

    def _entry(self, series: SeriesSnapshot) -> bytes:
        before = self._kept.get(series_key(series))
        if before is not None and _is_unchanged(before[0], series):
            return before[1]
        return _entry(series)


def _is_unchanged(before: SeriesSnapshot, now: SeriesSnapshot) -> bool:
    # A histogram only grows while its recording goes on, so equal counts are the same values.
    return (before.histogram.count, before.start_unix_nano, before.exemplars) == (
        now.histogram.count,
        now.start_unix_nano,
        now.exemplars,
    )


def _entry(series: SeriesSnapshot) -> bytes:
    histogram = series.histogram
    text: dict[str, Any] = {
        "component": series.component,
        "operation": series.operation,
        "outcome": series.outcome.value,
        "start_unix_nano": series.start_unix_nano,
    }
    if series.attributes:
        text["attributes"] = dict(series.attributes)
    if histogram.count:
        text |= {"sum_ns": histogram.sum_ns, "min_ns": histogram.min_ns, "max_ns": histogram.max_ns}
        text["is_exact"] = histogram.is_exact
    if series.exemplars:
        text["exemplars"] = [
            [exemplar.value_ns, exemplar.unix_nano, f"{exemplar.trace_id:x}", f"{exemplar.span_id:x}"]
            for exemplar in series.exemplars
        ]
    encoded, counts = _json(text), encode_compressed(histogram)
    return _LENGTHS.pack(len(encoded), len(counts)) + encoded + counts


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def decode_frame(data: bytes) -> Frame:
    """Return a frame with all that stands in it.

    Raises:
        CorruptDataError: The data are not such a frame, are of a newer version, truncated or damaged.
    """
    rest = _checked_rest(data)
    text, position = _piece(rest, _LENGTH.size, _LENGTH.unpack(_piece(rest, 0, _LENGTH.size)[0])[0])
    try:
        return Frame(about=MappingProxyType(_object(text)), series=tuple(_entries(rest, position)))
    except (KeyError, TypeError, ValueError, UsageError, RecursionError) as error:
        if isinstance(error, CorruptDataError):
            raise
        raise CorruptDataError(f"the frame of series has an entry that cannot be read: {error!r}") from error


def _checked_rest(data: bytes) -> bytes:
    if len(data) < _HEAD.size or not data.startswith(_MAGIC):
        raise CorruptDataError(
            f"not a frame of series: expected {_MAGIC!r} and at least {_HEAD.size} bytes, "
            f"got {len(data)} beginning with {data[:4]!r}"
        )
    _, version, length, checksum = _HEAD.unpack_from(data)
    if version != VERSION:
        raise CorruptDataError(
            f"the frame of series is of version {version}, this latency_kit reads {VERSION}; "
            "use one version of latency_kit in all processes"
        )
    rest = bytes(data[_HEAD.size :])
    if len(rest) != length:
        raise CorruptDataError(f"the frame of series should go on for {length} bytes, there are {len(rest)}")
    if zlib.crc32(rest) != checksum:
        raise CorruptDataError("the frame of series is damaged: its checksum is another one")
    return rest


def _piece(data: bytes, position: int, length: int) -> tuple[bytes, int]:
    end = position + length
    if end > len(data):
        raise CorruptDataError(f"the frame of series ends within a piece, at byte {len(data)}")
    return data[position:end], end


def _object(text: bytes) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise CorruptDataError(f"expected a JSON object in the frame of series, got {type(value).__name__}")
    return value


def _entries(rest: bytes, position: int) -> Iterator[SeriesSnapshot]:
    while position < len(rest):
        lengths, position = _piece(rest, position, _LENGTHS.size)
        text_length, counts_length = _LENGTHS.unpack(lengths)
        text, position = _piece(rest, position, text_length)
        counts, position = _piece(rest, position, counts_length)
        yield _series_of(_object(text), counts)


def _series_of(text: Mapping[str, Any], counts: bytes) -> SeriesSnapshot:
    histogram = decode(counts)
    if histogram.count:
        histogram = histogram.with_figures(
            sum_ns=text["sum_ns"],
            min_ns=text["min_ns"],
            max_ns=text["max_ns"],
            is_exact=bool(text["is_exact"]),
        )
    return SeriesSnapshot(
        component=_typed(text["component"], str),
        operation=_typed(text["operation"], str),
        outcome=Outcome(text["outcome"]),
        attributes=_attributes_of(_typed(text.get("attributes", {}), dict)),
        histogram=histogram,
        start_unix_nano=_typed(text["start_unix_nano"], int),
        exemplars=tuple(
            Exemplar(
                value_ns=_typed(value_ns, int),
                unix_nano=_typed(unix_nano, int),
                trace_id=int(trace_id, 16),
                span_id=int(span_id, 16),
            )
            for value_ns, unix_nano, trace_id, span_id in text.get("exemplars", ())
        ),
    )


def _attributes_of(found: Mapping[str, Any]) -> Mapping[str, AttributeValue]:
    attributes = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    for name, value in attributes.items():
        if not is_attribute_value(value):
            raise CorruptDataError(f"attribute {name!r} of the frame of series is {value!r}")
    return MappingProxyType(attributes)


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise CorruptDataError(f"expected {kind.__name__} in the frame of series, got {value!r}")
    return value
