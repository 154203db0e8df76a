"""Interval histograms in HdrHistogram's `.hlog` text files, written and read. The encoding lives in `codec`.

Format 1.3, as of HistogramLogWriter.java and HistogramLogReader.java: comment lines begin with `#`, two of
which give the start and the base of the time stamps; every other line is one interval: an optional `Tag=...`,
start and length in seconds, the maximum in milliseconds, and a base64 V2 encoding. Java writes three
decimals; here as many are written as nanoseconds need, which all readers take.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.histogram.codec import decode_base64, encode_base64
from latency_kit.histogram.snapshot import HistogramSnapshot
from latency_kit.units import NS_PER_MS, NS_PER_S

__all__ = ["HistogramLogReader", "HistogramLogWriter", "LoggedInterval", "log_head", "log_line"]

_START_TIME = "#[StartTime: "
_BASE_TIME = "#[BaseTime: "
_TAG = "Tag="
_LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
_NOT_IN_A_TAG = frozenset(", \t\r\n")
_FIELDS = 4
_SECOND_DECIMALS = 9
_YEAR_NS = 365 * 24 * 3600 * NS_PER_S
"""HistogramLogReader.java: stamps more than this before the start time are counted from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedInterval:
    """One line of a log.

    Attributes:
        start_unix_nano: Start of the interval on the wall clock.
        end_unix_nano: Its end.
        snapshot: What was recorded in it; `is_exact` is False, since the encoding keeps counts only.
        tag: The format's word for the name of a series; None where the line has none.
    """

    start_unix_nano: int
    end_unix_nano: int
    snapshot: HistogramSnapshot
    tag: str | None = None


class HistogramLogWriter:
    """Writes intervals to a text stream.

    - The head of the log is written at construction.
    - Each interval goes to the stream in one `write` of one whole line; flushing and closing are the owner's.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        start_unix_nano: int,
        base_unix_nano: int = 0,
        comments: Iterable[str] = (),
    ) -> None:
        """Write the head of the log.

        Args:
            stream: Where the log goes; a file opened with `newline=""` is the same on every system.
            start_unix_nano: When the log begins.
            base_unix_nano: What the stamps of the lines are counted from.
            comments: Lines for people, put first.

        Raises:
            UsageError: A stamp is negative.
        """
        if min(start_unix_nano, base_unix_nano) < 0:
            raise UsageError(
                "start_unix_nano and base_unix_nano must be nanoseconds from 1970, "
                f"got {start_unix_nano} and {base_unix_nano}"
            )
        self._stream = stream
        self._base_unix_nano = base_unix_nano
        stream.write(
            log_head(start_unix_nano=start_unix_nano, base_unix_nano=base_unix_nano, comments=comments)
        )

    def write_comment(self, comment: str) -> None:
        """Write a comment; each of its lines becomes one line of the log."""
        self._stream.write(_comment_lines(comment))

    def write(
        self,
        snapshot: HistogramSnapshot,
        *,
        start_unix_nano: int,
        end_unix_nano: int,
        tag: str | None = None,
    ) -> None:
        """Write one interval.

        Raises:
            UsageError: The interval ends before it starts or starts before the base time of the log, or the
                tag is empty or holds a comma or white space.
        """
        self._stream.write(
            log_line(
                snapshot,
                start_unix_nano=start_unix_nano,
                end_unix_nano=end_unix_nano,
                base_unix_nano=self._base_unix_nano,
                tag=tag,
            )
        )


def log_head(*, start_unix_nano: int, base_unix_nano: int = 0, comments: Iterable[str] = ()) -> str:
    """Return the lines that a log begins with."""
    date = time.asctime(time.gmtime(start_unix_nano // NS_PER_S))
    lines = [*map(_comment_lines, comments), _comment_lines("[Histogram log format version 1.3]")]
    lines.append(f"{_START_TIME}{_seconds(start_unix_nano)} (seconds since epoch), {date} UTC]\n")
    if base_unix_nano:
        lines.append(f"{_BASE_TIME}{_seconds(base_unix_nano)} (seconds since epoch)]\n")
    return f"{''.join(lines)}{_LEGEND}\n"


def _comment_lines(comment: str) -> str:
    return "".join(f"#{line}\n" for line in comment.splitlines())


def log_line(
    snapshot: HistogramSnapshot,
    *,
    start_unix_nano: int,
    end_unix_nano: int,
    base_unix_nano: int = 0,
    tag: str | None = None,
) -> str:
    """Return the line of one interval.

    Raises:
        UsageError: As `HistogramLogWriter.write` has it.
    """
    if not base_unix_nano <= start_unix_nano <= end_unix_nano:
        raise UsageError(
            f"an interval starts at or after the base time of the log and ends at or after its start, "
            f"got {start_unix_nano} to {end_unix_nano} with base {base_unix_nano}"
        )
    if tag is not None and (not tag or not _NOT_IN_A_TAG.isdisjoint(tag)):
        raise UsageError(f"a tag is a word without commas and white space, got {tag!r}")
    prefix = "" if tag is None else f"{_TAG}{tag},"
    start = _seconds(start_unix_nano - base_unix_nano)
    length = _seconds(end_unix_nano - start_unix_nano)
    max_ms = snapshot.max_ns / NS_PER_MS if snapshot.count else 0.0
    return f"{prefix}{start},{length},{max_ms:.3f},{encode_base64(snapshot)}\n"


def _seconds(duration_ns: int) -> str:
    """Return seconds with no more decimals than needed, but three as Java has them."""
    seconds, rest_ns = divmod(duration_ns, NS_PER_S)
    decimals = f"{rest_ns:0{_SECOND_DECIMALS}d}".rstrip("0")
    return f"{seconds}.{decimals:0<3}"


class HistogramLogReader:
    """Reads intervals one by one from the lines of a log, as an iterator.

    - Nothing is held but the current line: a log of any length is read in constant memory.
    - A last line that was torn off in the middle is skipped and counted; any other line that cannot be read
      raises `CorruptDataError` with its number.

    Attributes:
        torn_lines: How many torn lines were skipped so far: 0 or 1.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._line_number = 0
        self._start_unix_nano: int | None = None
        self._base_unix_nano: int | None = None
        self.torn_lines = 0

    def __iter__(self) -> Iterator[LoggedInterval]:
        for line in self._lines:
            self._line_number += 1
            try:
                interval = self._read(line.strip())
            except CorruptDataError as error:
                if line.endswith("\n") or next(self._lines, None) is not None:
                    raise CorruptDataError(
                        f"line {self._line_number} of the histogram log: {error}"
                    ) from None
                self.torn_lines += 1
                return
            if interval is not None:
                yield interval

    @property
    def start_unix_nano(self) -> int:
        """The start time of the log.

        Raises:
            CorruptDataError: None was read so far.
        """
        if self._start_unix_nano is None:
            raise CorruptDataError("no start time and no interval has been read from the histogram log")
        return self._start_unix_nano

    def _read(self, line: str) -> LoggedInterval | None:
        if line.startswith(_START_TIME):
            self._start_unix_nano = _stamp_in(line, _START_TIME)
        elif line.startswith(_BASE_TIME):
            self._base_unix_nano = _stamp_in(line, _BASE_TIME)
        elif line and line[0] not in '#"':
            return self._interval_of(line)
        return None

    def _interval_of(self, line: str) -> LoggedInterval:
        tag = None
        if line.startswith(_TAG):
            tag, _, line = line.removeprefix(_TAG).partition(",")
        fields = line.split(",")
        if len(fields) != _FIELDS:
            raise CorruptDataError(f"an interval has {_FIELDS} fields, got {len(fields)}")
        start_ns, length_ns = _nanoseconds(fields[0]), _nanoseconds(fields[1])
        snapshot = decode_base64(fields[3])
        start_unix_nano = start_ns + self._base_for(start_ns)
        return LoggedInterval(
            start_unix_nano=start_unix_nano,
            end_unix_nano=start_unix_nano + length_ns,
            snapshot=snapshot,
            tag=tag,
        )

    def _base_for(self, first_ns: int) -> int:
        """Return the base time, deduced from the first interval as Java does where the log names none."""
        if self._start_unix_nano is None:
            self._start_unix_nano = first_ns
        if self._base_unix_nano is None:
            counts_from_start = first_ns < self._start_unix_nano - _YEAR_NS
            self._base_unix_nano = self._start_unix_nano if counts_from_start else 0
        return self._base_unix_nano


def _stamp_in(line: str, prefix: str) -> int:
    return _nanoseconds(line.removeprefix(prefix).partition(" ")[0])


def _nanoseconds(seconds: str) -> int:
    whole, _, decimals = seconds.partition(".")
    digits = whole + decimals[:_SECOND_DECIMALS].ljust(_SECOND_DECIMALS, "0")
    if not (whole and digits.isascii() and digits.isdigit()):
        raise CorruptDataError(f"expected seconds such as 12.345, got {seconds!r}")
    return int(digits)
