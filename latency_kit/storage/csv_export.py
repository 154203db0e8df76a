"""The records of `performance.jsonl` as CSV that a spreadsheet opens as it is."""

import csv
import json
import os
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from latency_kit.errors import UsageError
from latency_kit.measurement.measurement import Measurement
from latency_kit.storage.jsonl_reader import JsonlReader
from latency_kit.storage.record import FIELDS, StoredMeasurement, fields_of

__all__ = ["export_csv", "write_csv", "write_table"]

_PIECE = 1 << 20
"""Bytes that are copied at a time."""

_FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A cell that begins so is run as a formula by spreadsheets (OWASP, "CSV Injection")."""


def write_csv(records: Iterable[Measurement | StoredMeasurement], stream: TextIO) -> int:
    r"""Write one header and one row for each record as RFC 4180 has it; return the number of records.

    The columns are the fields of `performance.jsonl`; what does not apply is an empty cell, and `metadata` is
    a JSON object in ASCII. A text that a spreadsheet would run as a formula gets a leading apostrophe. Rows
    end with "\r\n": open the stream with `newline=""` and encoding "utf-8" (or "utf-8-sig", by which Excel
    knows UTF-8, where names are not ASCII).
    """
    return write_table(FIELDS, map(_row, records), stream)


def write_table(columns: Sequence[str], rows: Iterable[Mapping[str, object]], stream: TextIO) -> int:
    """Write rows under their columns as `write_csv` does; return the number of rows."""
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([_cell(row.get(name, "")) for name in columns])
        count += 1
    return count


def export_csv(
    source: str | os.PathLike[str] | Iterable[Measurement | StoredMeasurement],
    path: str | os.PathLike[str],
    *,
    rotated: bool = False,
    byte_order_mark: bool | None = None,
) -> int:
    """Write records, or those of the JSONL file `source`, to the CSV file `path`; return their number.

    The file appears under its name when it is complete; until then it has ".part" at the end.

    Args:
        source: Measurements, or the path of a JSONL file; its torn and bad lines are skipped.
        path: The CSV file; it is replaced where it exists.
        rotated: Read the older parts of the JSONL file first.
        byte_order_mark: Whether to begin with the mark by which Excel knows UTF-8; by default where a text
            is not ASCII.

    Raises:
        UsageError: The JSONL file does not exist, the CSV file cannot be written, or both are one file.
    """
    if isinstance(source, str | os.PathLike) and Path(source).resolve() == Path(path).resolve():
        raise UsageError(f"{os.fspath(path)}: is the source itself; give the CSV file a name of its own")
    records = JsonlReader(source, rotated=rotated) if isinstance(source, str | os.PathLike) else source
    part = Path(f"{os.fspath(path)}.part")
    try:
        # A lone surrogate, which UTF-8 cannot hold, is escaped instead of ending the export.
        with part.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as stream:
            count = write_csv(records, stream)
        is_marked = _needs_mark(part) if byte_order_mark is None else byte_order_mark
        _put(part, Path(path), is_marked=is_marked)
    except OSError as error:
        raise UsageError(f"{os.fspath(path)}: cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return count


def _needs_mark(part: Path) -> bool:
    with part.open("rb") as written:
        written.seek(len(BOM_UTF8))
        return any(not line.isascii() for line in written)


def _put(part: Path, path: Path, *, is_marked: bool) -> None:
    """Move a complete file, which begins with the mark, to its place, without the mark if it needs none."""
    if is_marked:
        part.replace(path)
        return
    bare = Path(f"{part}.bare")
    try:
        with part.open("rb") as written, bare.open("wb") as file:
            written.seek(len(BOM_UTF8))
            while piece := written.read(_PIECE):
                file.write(piece)
        bare.replace(path)
    finally:
        bare.unlink(missing_ok=True)


def _row(record: Measurement | StoredMeasurement) -> Mapping[str, object]:
    fields = fields_of(record)
    return fields | {"metadata": json.dumps(fields["metadata"])}


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA_BEGINNINGS):
        return f"'{value}"
    return value
