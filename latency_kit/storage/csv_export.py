"""The records of `performance.jsonl` as CSV that a spreadsheet opens as it is."""

import csv
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from latency_kit.errors import UsageError
from latency_kit.measurement.measurement import Measurement
from latency_kit.storage.jsonl_reader import JsonlReader
from latency_kit.storage.record import FIELDS, StoredMeasurement, fields_of

__all__ = ["export_csv", "write_csv"]

_FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A cell that begins so is run as a formula by spreadsheets (OWASP, "CSV Injection")."""


def write_csv(records: Iterable[Measurement | StoredMeasurement], stream: TextIO) -> int:
    r"""Write one header and one row for each record as RFC 4180 has it; return the number of records.

    The columns are the fields of `performance.jsonl`; what does not apply is an empty cell, and `metadata` is
    a JSON object in ASCII. A text that a spreadsheet would run as a formula gets a leading apostrophe. Rows
    end with "\r\n": open the stream with `newline=""` and encoding "utf-8" (or "utf-8-sig", by which Excel
    knows UTF-8, where names are not ASCII).
    """
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(FIELDS)
    count = 0
    for record in records:
        fields = fields_of(record)
        fields["metadata"] = json.dumps(fields["metadata"])
        writer.writerow([_cell(fields.get(name, "")) for name in FIELDS])
        count += 1
    return count


def export_csv(
    source: str | os.PathLike[str] | Iterable[Measurement | StoredMeasurement],
    path: str | os.PathLike[str],
    *,
    rotated: bool = False,
    byte_order_mark: bool = False,
) -> int:
    """Write records, or those of the JSONL file `source`, to the CSV file `path`; return their number.

    The file appears under its name when it is complete; until then it has ".part" at the end.

    Args:
        source: Measurements, or the path of a JSONL file; its torn and bad lines are skipped.
        path: The CSV file; it is replaced where it exists.
        rotated: Read the older parts of the JSONL file first.
        byte_order_mark: Begin with the mark by which Excel knows UTF-8; needed only for names that are
            not ASCII.

    Raises:
        UsageError: The JSONL file does not exist, the CSV file cannot be written, or both are one file.
    """
    if isinstance(source, str | os.PathLike) and Path(source).resolve() == Path(path).resolve():
        raise UsageError(f"{os.fspath(path)}: is the source itself; give the CSV file a name of its own")
    records = JsonlReader(source, rotated=rotated) if isinstance(source, str | os.PathLike) else source
    part = Path(f"{os.fspath(path)}.part")
    encoding = "utf-8-sig" if byte_order_mark else "utf-8"
    try:
        # A lone surrogate, which UTF-8 cannot hold, is escaped instead of ending the export.
        with part.open("w", encoding=encoding, errors="backslashreplace", newline="") as stream:
            count = write_csv(records, stream)
        part.replace(path)
    except OSError as error:
        raise UsageError(f"{os.fspath(path)}: cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return count


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA_BEGINNINGS):
        return f"'{value}"
    return value
