import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from latency_kit.errors import UsageError
from latency_kit.measurement.measurement import Measurement, Outcome
from latency_kit.storage import JsonlWriter, export_csv, read_jsonl, write_csv
from latency_kit.storage.record import FIELDS

BuildMeasurement = Callable[..., Measurement]


def text_of(records: Iterable[Measurement]) -> str:
    stream = io.StringIO(newline="")
    write_csv(records, stream)
    return stream.getvalue()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_one_header_and_one_row_for_each_record_with_empty_cells_for_what_does_not_apply(
    measurement: BuildMeasurement,
) -> None:
    failed = measurement(1_500_000, outcome=Outcome.ERROR, error="ValueError", trace_id=0xABC, span_id=0xDEF)
    text = text_of([measurement(attributes={"a": 1}), failed])
    assert text.split("\r\n") == [
        "timestamp,component,operation,duration_ms,metadata,error,trace_id,span_id",
        '2025-01-31T12:00:00.123Z,llm,generate,5123.0,"{""a"": 1}",,,',
        (
            "2025-01-31T12:00:00.123Z,llm,generate,1.5,{},ValueError,"
            "00000000000000000000000000000abc,0000000000000def"
        ),
        "",
    ]


def test_no_records_give_the_header_alone() -> None:
    assert text_of([]) == ",".join(FIELDS) + "\r\n"


@pytest.mark.parametrize("text", ["a,b", 'a "b"', "a\nb", "a\r\nb", "a\rb", " a ", "größe", "a\x00b"])
def test_any_text_comes_back_as_it_was(measurement: BuildMeasurement, text: str) -> None:
    (row,) = rows(text_of([measurement(component=text, attributes={text: text})]))
    assert row["component"] == text
    assert json.loads(row["metadata"]) == {text: text}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_run_as_a_formula(measurement: BuildMeasurement, text: str) -> None:
    (row,) = rows(text_of([measurement(component=text, operation=text, error=text)]))
    assert row["component"] == row["operation"] == row["error"] == f"'{text}"


def test_measurements_and_the_jsonl_file_of_them_give_the_same_csv(
    tmp_path: Path, measurement: BuildMeasurement
) -> None:
    given = [measurement(n, attributes={"n": n}, outcome=outcome) for n, outcome in enumerate(Outcome)]
    source = tmp_path / "performance.jsonl"
    with JsonlWriter(source, max_bytes=300, backups=9) as writer:
        writer.write(given)
    from_file, from_memory = tmp_path / "file.csv", tmp_path / "memory.csv"
    assert export_csv(source, from_file, rotated=True) == export_csv(given, from_memory) == len(given)
    assert from_file.read_bytes() == from_memory.read_bytes()
    assert rows(from_file.read_text(encoding="utf-8"))[3]["error"] == "timed_out"
    assert export_csv(read_jsonl(source, rotated=True).records, from_file) == len(given)


def test_the_file_is_utf8_and_begins_with_a_byte_order_mark_where_a_text_needs_it_or_as_asked(
    tmp_path: Path, measurement: BuildMeasurement
) -> None:
    target = tmp_path / "out.csv"
    for component, asked, has_mark in (
        ("size", None, False),
        ("größe", None, True),
        ("size", True, True),
        ("größe", False, False),
    ):
        export_csv([measurement(component=component)], target, byte_order_mark=asked)
        assert target.read_bytes().startswith(b"\xef\xbb\xbftimestamp," if has_mark else b"timestamp,")
        assert component.encode() in target.read_bytes()


def test_text_that_utf8_cannot_hold_is_escaped(tmp_path: Path, measurement: BuildMeasurement) -> None:
    target = tmp_path / "out.csv"
    assert export_csv([measurement(component="\ud800")], target) == 1
    assert b"\\ud800" in target.read_bytes()


def test_an_export_that_fails_leaves_what_was_there(tmp_path: Path, measurement: BuildMeasurement) -> None:
    target = tmp_path / "out.csv"
    target.write_text("before")

    def breaking() -> Iterator[Measurement]:
        yield measurement(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        export_csv(breaking(), target)
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_an_absent_source_and_a_target_that_cannot_be_written_are_one_clear_line(
    tmp_path: Path, measurement: BuildMeasurement
) -> None:
    with pytest.raises(UsageError, match="no such file"):
        export_csv(tmp_path / "absent.jsonl", tmp_path / "out.csv")
    with pytest.raises(UsageError, match="cannot be written"):
        export_csv([measurement(1)], tmp_path / "absent" / "out.csv")


def test_a_file_is_not_exported_onto_itself(tmp_path: Path) -> None:
    path = tmp_path / "performance.jsonl"
    path.write_text("{}\n")
    with pytest.raises(UsageError, match="the source itself"):
        export_csv(path, tmp_path / "." / "performance.jsonl")
    assert path.read_text() == "{}\n"
