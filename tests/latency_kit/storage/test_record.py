import enum
import json
import math
import numbers
from collections.abc import Callable
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_kit.errors import CorruptDataError
from latency_kit.measurement.measurement import Measurement, Outcome
from latency_kit.storage.record import FIELDS, line_of, parse_line, stored

BuildMeasurement = Callable[..., Measurement]


def fields(measurement: BuildMeasurement) -> dict[str, Any]:
    return json.loads(line_of(measurement))


def test_a_plain_call_has_exactly_the_five_fields_that_always_apply(
    measurement: BuildMeasurement,
) -> None:
    assert fields(measurement(attributes={"model": "base", "tokens": 3})) == {
        "timestamp": "2025-01-31T12:00:00.123Z",
        "component": "llm",
        "operation": "generate",
        "duration_ms": 5123.0,
        "metadata": {"model": "base", "tokens": 3},
    }


def test_a_failed_traced_call_has_all_eight_fields_in_order(measurement: BuildMeasurement) -> None:
    line = fields(measurement(outcome=Outcome.ERROR, error="ValueError", trace_id=0xABC, span_id=0xDEF))
    assert tuple(line) == FIELDS
    assert line["error"] == "ValueError"
    assert line["trace_id"] == "00000000000000000000000000000abc"
    assert line["span_id"] == "0000000000000def"


@pytest.mark.parametrize(
    ("outcome", "error", "written"),
    [
        (Outcome.OK, None, None),
        (Outcome.OK, "ValueError", "ValueError"),
        (Outcome.ERROR, "ValueError", "ValueError"),
        (Outcome.ERROR, None, "error"),
        (Outcome.CANCELLED, None, "cancelled"),
        (
            Outcome.CANCELLED,
            "asyncio.exceptions.CancelledError",
            "cancelled: asyncio.exceptions.CancelledError",
        ),
        (Outcome.TIMED_OUT, "TimeoutError", "timed_out: TimeoutError"),
        (Outcome.DROPPED, None, "dropped"),
    ],
)
def test_every_end_that_was_not_good_shows_in_the_error_field_and_reads_back(
    measurement: BuildMeasurement, outcome: Outcome, error: str | None, written: Any
) -> None:
    given_one = measurement(outcome=outcome, error=error)
    assert fields(given_one).get("error") == written
    back = parse_line(line_of(given_one))
    assert back.error == error
    assert back.outcome is (outcome if error is None or outcome is not Outcome.OK else Outcome.ERROR)


@pytest.mark.parametrize(
    ("unix_nano", "written"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (999_999_999, "1970-01-01T00:00:00.999Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
        (253_402_300_799_999_999_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_the_timestamp_is_the_start_in_utc_cut_to_milliseconds(
    measurement: BuildMeasurement, unix_nano: int, written: Any
) -> None:
    assert fields(measurement(start_unix_nano=unix_nano))["timestamp"] == written


class Loud:
    def __str__(self) -> None:
        raise RuntimeError("no")


class Colour(enum.StrEnum):
    RED = "red"


class LyingFloat(float):
    def __float__(self) -> None:
        raise RuntimeError("no")


ITSELF: list[object] = []
ITSELF.append(ITSELF)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (b"caf\xc3\xa9 \xff", "café \\xff"),
        (Loud(), "<unprintable Loud>"),
        (Colour.RED, "red"),
        ("a\nb\r\u2028\x85\x00", "a\nb\r\u2028\x85\x00"),
        ("\ud800", "\ud800"),
        ((1, "x", None, True), [1, "x", None, True]),
        ({1: {2: math.nan}}, {"1": {"2": "NaN"}}),
        (10**2000, hex(10**2000)),
        (2**80, 2**80),
        (1 + 2j, "(1+2j)"),
    ],
)
def test_a_value_that_json_cannot_hold_becomes_text_and_never_breaks_the_line(
    measurement: BuildMeasurement, value: Any, written: Any
) -> None:
    line = line_of(measurement(attributes={"given": value}))
    assert line.isascii()
    assert len(line.decode().splitlines()) == 1
    assert json.loads(line, parse_constant=pytest.fail)["metadata"]["given"] == written


@pytest.mark.parametrize("value", [ITSELF, LyingFloat(1.5)], ids=["list-in-itself", "float-that-raises"])
def test_a_value_that_misbehaves_is_still_one_whole_line(measurement: BuildMeasurement, value: Any) -> None:
    assert list(fields(measurement(attributes={"given": value}))["metadata"]) == ["given"]


class Whole(numbers.Integral):
    """A number of another library, such as numpy's, which registers its types so."""

    __hash__ = None

    def __int__(self) -> int:
        return 5


Whole.__abstractmethods__ = frozenset()


def test_numbers_of_other_libraries_are_numbers(measurement: BuildMeasurement) -> None:
    line = fields(measurement(attributes={"n": Whole(), "x": Fraction(1, 2)}))
    assert line["metadata"] == {"n": 5, "x": 0.5}


def test_a_mapping_that_cannot_be_read_gives_empty_metadata(measurement: BuildMeasurement) -> None:
    class Broken(dict):
        def items(self) -> None:
            raise RuntimeError("no")

    assert fields(measurement(attributes=Broken(a=1)))["metadata"] == {}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    component=st.text(min_size=1),
    operation=st.text(min_size=1),
    duration_ns=st.integers(0, 3_600_000_000_000),
    start_unix_nano=st.integers(0, 4_000_000_000_000_000_000),
    outcome=st.sampled_from(Outcome),
    error=st.none() | st.sampled_from(["ValueError", "package.module.Class.Inner"]),
    attributes=st.dictionaries(st.text(), values, max_size=4),
    trace_id=st.none() | st.integers(1, 2**128 - 1),
    span_id=st.none() | st.integers(1, 2**64 - 1),
)
def test_reading_a_line_gives_what_was_stored(**given_fields: Any) -> None:
    duration_ns = given_fields.pop("duration_ns")
    given_one = Measurement(start_ns=7, end_ns=7 + duration_ns, **given_fields)
    back = parse_line(line_of(given_one))
    assert back == stored(given_one)
    assert back.duration_ns == duration_ns
    assert line_of(back) == line_of(given_one)


def test_a_stored_measurement_knows_its_name_and_its_milliseconds(
    measurement: BuildMeasurement,
) -> None:
    kept = stored(measurement(attributes=MappingProxyType({"a": 1})))
    assert (kept.name, kept.duration_ms) == ("llm.generate", 5123.0)


GOOD = {
    "timestamp": "2025-01-31T12:00:00.123Z",
    "component": "llm",
    "operation": "generate",
    "duration_ms": 1,
    "metadata": {},
}


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"timestamp": "2025-01-31 12:00:00"}, "timestamp"),
        ({"timestamp": "2025-02-31T12:00:00.000Z"}, "no date"),
        ({"timestamp": 5}, "timestamp"),
        ({"component": None}, "component"),
        ({"duration_ms": "5"}, "duration_ms"),
        ({"duration_ms": -1}, "duration_ms"),
        ({"duration_ms": True}, "duration_ms"),
        ({"duration_ms": math.nan}, "duration_ms"),
        ({"metadata": []}, "metadata"),
        ({"trace_id": "abc"}, "trace_id"),
        ({"trace_id": "A" * 32}, "trace_id"),
        ({"span_id": 5}, "span_id"),
        ({"error": None}, "error"),
        ({"extra": 1}, "unknown: \\['extra'\\]"),
    ],
)
def test_a_line_that_is_not_of_the_schema_is_refused_with_the_field(
    changed: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(CorruptDataError, match=complaint):
        parse_line(json.dumps(GOOD | changed).encode())


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"5", b"\x00\xff", b'{"a":1}', b"[" * 100_000])
def test_what_is_no_object_of_ours_is_refused(line: bytes) -> None:
    with pytest.raises(CorruptDataError):
        parse_line(line)
