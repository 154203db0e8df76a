import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latency_kit.errors import UsageError
from latency_kit.measurement.measurement import Measurement
from latency_kit.storage import JsonlReader, read_jsonl
from latency_kit.storage.record import line_of, stored

BuildMeasurement = Callable[..., Measurement]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "performance.jsonl"


def test_records_come_in_the_order_of_the_lines(path: Path, measurement: BuildMeasurement) -> None:
    given = [measurement(n, attributes={"n": n}) for n in range(3)]
    path.write_bytes(b"".join(map(line_of, given)))
    contents = read_jsonl(path)
    assert contents.records == tuple(map(stored, given))
    assert (contents.skipped_torn, contents.skipped_bad) == (0, 0)


def test_a_last_line_torn_at_any_byte_is_skipped_and_counted(
    path: Path, measurement: BuildMeasurement
) -> None:
    whole = line_of(measurement(1))
    torn = line_of(measurement(2, attributes={"text": 'a "quoted} \\ brace{'}, error="E"))
    for length in range(1, len(torn) - 1):
        path.write_bytes(whole + torn[:length])
        contents = read_jsonl(path)
        assert len(contents.records) == 1
        assert (contents.skipped_torn, contents.skipped_bad) == (1, 0), torn[:length]


def test_a_last_line_that_lacks_only_its_line_break_is_whole(
    path: Path, measurement: BuildMeasurement
) -> None:
    path.write_bytes(line_of(measurement(1)).rstrip(b"\n"))
    contents = read_jsonl(path)
    assert (len(contents.records), contents.skipped_torn) == (1, 0)


def test_other_lines_that_are_not_of_the_schema_are_counted_as_bad_and_blank_ones_not_at_all(
    path: Path, measurement: BuildMeasurement
) -> None:
    foreign = json.dumps({"timestamp": "now", "message": "hello"}).encode()
    path.write_bytes(
        b"\n".join(
            [b"", foreign, b"  ", b"{}", b"\x00\x00\xff", b"plain text", line_of(measurement(1)), b"\r"]
        )
    )
    contents = read_jsonl(path)
    assert len(contents.records) == 1
    assert (contents.skipped_torn, contents.skipped_bad) == (0, 4)


def test_lines_that_a_program_on_windows_rewrote_are_read(path: Path, measurement: BuildMeasurement) -> None:
    path.write_bytes(line_of(measurement(1)).replace(b"\n", b"\r\n") * 2)
    assert len(read_jsonl(path).records) == 2


def test_rotated_files_are_read_oldest_first_and_only_when_asked(
    path: Path, measurement: BuildMeasurement
) -> None:
    for suffix, n in ((".10", 1), (".2", 2), (".1", 3), ("", 4)):
        (path.parent / f"performance.jsonl{suffix}").write_bytes(line_of(measurement(n)))
    for stranger in (".bak", ".1.gz", ".01", ".0", "2"):
        (path.parent / f"performance.jsonl{stranger}").write_bytes(line_of(measurement(99)))
    assert [record.duration_ns for record in read_jsonl(path, rotated=True).records] == [1, 2, 3, 4]
    assert [record.duration_ns for record in read_jsonl(path).records] == [4]


def test_between_rotation_and_the_next_batch_the_older_files_are_still_read(
    path: Path, measurement: BuildMeasurement
) -> None:
    (path.parent / "performance.jsonl.1").write_bytes(line_of(measurement(1)))
    assert len(read_jsonl(path, rotated=True).records) == 1


def test_it_can_be_read_twice_and_counts_each_reading_afresh(
    path: Path, measurement: BuildMeasurement
) -> None:
    path.write_bytes(line_of(measurement(1)) + b'{"timestamp":"')
    reader = JsonlReader(path)
    for _ in range(2):
        assert len(list(reader)) == 1
        assert reader.skipped_torn == 1


def test_a_line_without_end_is_read_in_parts_and_never_as_a_whole(
    path: Path, measurement: BuildMeasurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latency_kit.storage.jsonl_reader._LONGEST_LINE", 1000)
    path.write_bytes(b"x" * 2500 + b"\n" + line_of(measurement(1)))
    contents = read_jsonl(path)
    assert (len(contents.records), contents.skipped_bad) == (1, 3)


@pytest.mark.parametrize("rotated", [False, True])
def test_an_absent_file_is_one_clear_line(path: Path, rotated: bool) -> None:
    with pytest.raises(UsageError, match=r"performance\.jsonl: there is no such file"):
        read_jsonl(path, rotated=rotated)


def test_a_file_that_cannot_be_read_is_one_clear_line(
    path: Path, measurement: BuildMeasurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(line_of(measurement(1)))
    reader = JsonlReader(path)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(UsageError, match="cannot be read"):
        list(reader)
