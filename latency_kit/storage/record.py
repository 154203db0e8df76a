"""The schema of `performance.jsonl`: one measurement as one line, and one line as a record again.

Exactly these fields, in this order: `timestamp` (start of the call, ISO 8601 in UTC with milliseconds and
Z), `component`, `operation`, `duration_ms`, `metadata` (object), and only where they apply `error`,
`trace_id` (32 hex digits), `span_id` (16). The start is stamped, as in spans, so that a line and its span
begin at the same time.

A call that did not end well has an `error`. A failed one (`Outcome.ERROR`) has the qualified name of the
exception's type, or "error" where none is known; a cancelled, timed-out or dropped one has its outcome,
followed by the exception's type where there is one: "cancelled: asyncio.exceptions.CancelledError".

Files live elsewhere.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from latency_kit.errors import CorruptDataError
from latency_kit.histogram import MAX_VALUE_NS
from latency_kit.measurement.measurement import Measurement, Outcome
from latency_kit.storage.json_values import json_safe_mapping
from latency_kit.units import NS_PER_MS, NS_PER_S, ms_to_ns, ns_to_ms

__all__ = ["FIELDS", "StoredMeasurement", "fields_of", "line_of", "parse_line", "stored"]

FIELDS = (
    "timestamp",
    "component",
    "operation",
    "duration_ms",
    "metadata",
    "error",
    "trace_id",
    "span_id",
)
_OPTIONAL = frozenset({"error", "trace_id", "span_id"})
_OUTCOMES_IN_ERROR = (Outcome.CANCELLED, Outcome.TIMED_OUT, Outcome.DROPPED, Outcome.ERROR)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_LONGEST_MS = MAX_VALUE_NS // NS_PER_MS
"""What a histogram can hold; longer is no duration of a call."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # UTC by definition; a zone would only be printed and parsed
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMeasurement:
    """A measurement as the file holds it: without monotonic times, which mean nothing to another process.

    * `parse_line(line_of(m)) == stored(m)` for every measurement `m`.

    Attributes:
        start_unix_nano: The start as a wall stamp, to the millisecond.
        component: The part of the program that was measured.
        operation: What it did.
        duration_ns: How long it took, to the nanosecond.
        metadata: The attributes, as far as JSON can hold them.
        outcome: How the call ended.
        error: Qualified name of the exception's type, where one is known.
        trace_id: Of the call's span, where it has one.
        span_id: Of the call's span, where it has one.
    """

    start_unix_nano: int
    component: str
    operation: str
    duration_ns: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    outcome: Outcome = Outcome.OK
    error: str | None = None
    trace_id: int | None = None
    span_id: int | None = None

    @property
    def duration_ms(self) -> float:
        """The duration for people, in milliseconds."""
        return ns_to_ms(self.duration_ns)

    @property
    def name(self) -> str:
        """`component.operation`."""
        return f"{self.component}.{self.operation}"


def stored(measurement: Measurement) -> StoredMeasurement:
    """Return what the file keeps of a measurement."""
    return StoredMeasurement(
        start_unix_nano=measurement.start_unix_nano // NS_PER_MS * NS_PER_MS,
        component=measurement.component,
        operation=measurement.operation,
        duration_ns=measurement.duration_ns,
        metadata=json_safe_mapping(measurement.attributes),
        outcome=_effective_outcome(measurement),
        error=measurement.error,
        trace_id=measurement.trace_id,
        span_id=measurement.span_id,
    )


def fields_of(record: Measurement | StoredMeasurement) -> dict[str, Any]:
    """Return the fields of a record by name, in order; those that do not apply are absent."""
    if isinstance(record, StoredMeasurement):
        metadata, outcome = record.metadata, record.outcome
    else:
        metadata, outcome = json_safe_mapping(record.attributes), _effective_outcome(record)
    fields: dict[str, Any] = {
        "timestamp": _timestamp(record.start_unix_nano),
        "component": record.component,
        "operation": record.operation,
        "duration_ms": record.duration_ms,
        "metadata": metadata,
    }
    if outcome is not Outcome.OK:
        fields["error"] = _error_text(outcome, record.error)
    if record.trace_id is not None:
        fields["trace_id"] = f"{record.trace_id:032x}"
    if record.span_id is not None:
        fields["span_id"] = f"{record.span_id:016x}"
    return fields


def line_of(record: Measurement | StoredMeasurement) -> bytes:
    r"""Return the line of a record, ASCII, ended by "\n"; it holds no other line break of any kind."""
    return _encode(fields_of(record)).encode("ascii") + b"\n"


def parse_line(line: bytes) -> StoredMeasurement:
    """Read a line back.

    Raises:
        CorruptDataError: The line is not JSON, or not an object with exactly the fields of the schema.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CorruptDataError(f"not a line of JSON: {error}") from error
    if not isinstance(fields, dict):
        raise CorruptDataError(f"expected a JSON object, got {type(fields).__name__}")
    absent = [name for name in FIELDS if name not in fields and name not in _OPTIONAL]
    unknown = [name for name in fields if name not in FIELDS]
    if absent or unknown:
        raise CorruptDataError(f"fields absent: {absent}, unknown: {unknown}; expected {', '.join(FIELDS)}")
    outcome, error_type = _outcome_and_error(_string(fields, "error") if "error" in fields else None)
    return StoredMeasurement(
        start_unix_nano=_unix_nano(_string(fields, "timestamp")),
        component=_string(fields, "component"),
        operation=_string(fields, "operation"),
        duration_ns=_duration_ns(fields["duration_ms"]),
        metadata=_object(fields["metadata"]),
        outcome=outcome,
        error=error_type,
        trace_id=_identifier(fields, "trace_id", 32),
        span_id=_identifier(fields, "span_id", 16),
    )


def _effective_outcome(measurement: Measurement) -> Outcome:
    # An error that came with a good outcome must not vanish: there is no field for the outcome alone.
    if measurement.outcome is Outcome.OK and measurement.error is not None:
        return Outcome.ERROR
    return measurement.outcome


def _timestamp(unix_nano: int) -> str:
    seconds, rest_ns = divmod(unix_nano, NS_PER_S)
    return f"{_second(seconds)}.{rest_ns // NS_PER_MS:03d}Z"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    # Not fromtimestamp, which refuses times before 1970 on Windows.
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()


def _unix_nano(timestamp: str) -> int:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise CorruptDataError(f"timestamp must look like 2025-01-31T12:00:00.000Z, got {timestamp!r}")
    try:
        since_epoch = datetime.fromisoformat(timestamp[:19]) - _EPOCH
    except ValueError as error:
        raise CorruptDataError(f"timestamp {timestamp!r} is no date: {error}") from error
    seconds = since_epoch.days * 86_400 + since_epoch.seconds
    return seconds * NS_PER_S + int(timestamp[20:23]) * NS_PER_MS


def _error_text(outcome: Outcome, error: str | None) -> str:
    if error is None:
        return str(outcome)
    return error if outcome is Outcome.ERROR else f"{outcome}: {error}"


def _outcome_and_error(text: str | None) -> tuple[Outcome, str | None]:
    if text is None:
        return Outcome.OK, None
    for outcome in _OUTCOMES_IN_ERROR:
        if text == outcome:
            return outcome, None
        if outcome is not Outcome.ERROR and text.startswith(f"{outcome}: "):
            return outcome, text[len(outcome) + 2 :]
    return Outcome.ERROR, text


def _string(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise CorruptDataError(f"{name} must be a string, got {value!r}")
    return value


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CorruptDataError(f"metadata must be an object, got {value!r}")
    return value


def _duration_ns(value: object) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _LONGEST_MS:
        raise CorruptDataError(f"duration_ms must be a number from 0 to {_LONGEST_MS:.0f}, got {value!r}")
    return ms_to_ns(value)


def _identifier(fields: Mapping[str, Any], name: str, digits: int) -> int | None:
    if name not in fields:
        return None
    value = _string(fields, name)
    if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", value):
        raise CorruptDataError(f"{name} must be {digits} hexadecimal digits, got {value!r}")
    return int(value, 16)
