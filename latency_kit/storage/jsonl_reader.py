"""Reading `performance.jsonl` back, whatever state the program that wrote it left it in."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.storage.record import StoredMeasurement, parse_line
from latency_kit.storage.rotation import rotated_files

__all__ = ["JsonlContents", "JsonlReader", "read_jsonl"]

_LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of a line that are read at once, so that a file without line breaks cannot fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonlContents:
    """What stood in a file.

    Attributes:
        records: The measurements, in the order of the lines.
        skipped_torn: Lines of which only the beginning was written: the program ended, or the disk was
            full, in the middle of them.
        skipped_bad: Other lines that are not of the schema.
    """

    records: tuple[StoredMeasurement, ...]
    skipped_torn: int
    skipped_bad: int


class JsonlReader:
    """Iterates over the records of a file without holding them all.

    * Every line that is not blank is either yielded or counted, once, as torn or as bad.
    * A last line without a line break counts as whole if it is a whole record.

    Attributes:
        skipped_torn: Torn lines met so far.
        skipped_bad: Other lines not of the schema met so far.
    """

    def __init__(self, path: str | os.PathLike[str], *, rotated: bool = False) -> None:
        """Look for the file; with `rotated`, for its older parts too, which are then read first.

        Raises:
            UsageError: There is no such file, or it is a directory.
        """
        self._path = Path(path)
        self._rotated = rotated
        self.skipped_torn = 0
        self.skipped_bad = 0
        if not self._files():
            raise UsageError(
                f"{os.fspath(path)}: there is no such file; measurements are stored as performance.jsonl"
            )

    def __iter__(self) -> Iterator[StoredMeasurement]:
        """Yield the records.

        Raises:
            UsageError: A file cannot be read.
        """
        self.skipped_torn = self.skipped_bad = 0
        for path in self._files():
            try:
                with path.open("rb") as file:
                    while line := file.readline(_LONGEST_LINE):
                        if line.strip():
                            yield from self._record(line)
            except OSError as error:
                raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error

    def _files(self) -> tuple[Path, ...]:
        if self._rotated:
            return rotated_files(self._path)
        return (self._path,) if self._path.is_file() else ()

    def _record(self, line: bytes) -> Iterator[StoredMeasurement]:
        try:
            record = parse_line(line)
        except CorruptDataError:
            if _is_torn(line):
                self.skipped_torn += 1
            else:
                self.skipped_bad += 1
        else:
            yield record


def read_jsonl(path: str | os.PathLike[str], *, rotated: bool = False) -> JsonlContents:
    """Read a whole file; with `rotated`, its older parts first.

    Raises:
        UsageError: There is no such file, or it cannot be read.
    """
    reader = JsonlReader(path, rotated=rotated)
    records = tuple(reader)
    return JsonlContents(records=records, skipped_torn=reader.skipped_torn, skipped_bad=reader.skipped_bad)


_BEGINNING = b'{"timestamp":"'


def _is_torn(line: bytes) -> bool:
    """Tell whether a line that does not parse begins as ours do, and is cut before its last brace closes."""
    text = line.rstrip(b"\r\n")
    begins = text.startswith(_BEGINNING) or _BEGINNING.startswith(text)
    return begins and _open_braces(text) > 0


def _open_braces(text: bytes) -> int:
    """Return how many braces are still open at the end, those inside strings not counted."""
    depth = 0
    quoted = escaped = False
    for byte in text:
        if escaped:
            escaped = False
        elif quoted and byte == ord("\\"):
            escaped = True
        elif byte == ord('"'):
            quoted = not quoted
        elif not quoted and byte in b"{}":
            depth += 1 if byte == ord("{") else -1
    return depth
