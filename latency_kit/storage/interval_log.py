"""The `.hlog` of a running program: one line for each series and interval. Format: `histogram.log`."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from latency_kit.histogram.log import log_head, log_line
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.measurement.series_intervals import RecordedInterval
from latency_kit.storage.line_file import DEFAULT_BACKUPS, DEFAULT_MAX_BYTES, LineFile

__all__ = ["IntervalLog", "series_tag", "tag_word"]

_SAFE_IN_A_TAG = ".:@#<>[]()*+!?$&'|~^-_/"
"""Everything else but letters and digits is written as in URLs: it would end a tag, or the line."""


class IntervalLog:
    """Appends intervals to an `.hlog` file that other processes may append to as well.

    * Each interval adds one whole line for each series with values in it, all in one system call.
    * The file is bounded: before it would grow over `max_bytes` it becomes `.1`, and `backups` such older
      files are kept. Each file has a head of its own and is read by itself.
    * Nothing is raised: what cannot be written is counted in `lost` and logged once.

    The stamps are absolute. Lines of several processes with the same tag are to be added up, which is what
    every HdrHistogram tool does with them.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        backups: int = DEFAULT_BACKUPS,
    ) -> None:
        """Remember where to write; the file comes into being with the first interval that holds something.

        Raises:
            UsageError: `path` is a directory, `max_bytes` is below 1 or `backups` below 0.
        """
        self._file = LineFile(path, max_bytes=max_bytes, backups=backups, head=self._head)
        self._start_unix_nano = 0

    @property
    def path(self) -> Path:
        """The absolute path of the file."""
        return self._file.path

    @property
    def written(self) -> int:
        """How many lines, one for each series of an interval, stand in the file."""
        return self._file.written

    @property
    def lost(self) -> int:
        """How many lines could not be written."""
        return self._file.lost

    @property
    def failures(self) -> Mapping[str, int]:
        """How often something failed, by kind: "encode", "open", "write", "rotate"."""
        return self._file.failures

    def write(self, interval: RecordedInterval) -> None:
        """Append an interval. Never raises."""
        self._start_unix_nano = interval.start_unix_nano

        def line_of(series: SeriesSnapshot) -> bytes:
            return _line_of(series, interval)

        self._file.append(interval.series, line_of)

    def close(self) -> None:
        """Close the file; idempotent, and a later interval opens it again."""
        self._file.close()

    def _head(self) -> bytes:
        return log_head(
            start_unix_nano=self._start_unix_nano, comments=("[latency_kit; values are nanoseconds]",)
        ).encode("ascii")


def series_tag(series: SeriesSnapshot) -> str:
    """Return the tag of a series: `component.operation`, `.outcome` unless it is ok, `{attributes}` if any.

    Signs that a tag cannot hold are written as in URLs: "db pool" becomes "db%20pool".
    """
    tag = tag_word(series.name)
    if series.outcome is not Outcome.OK:
        tag += f".{series.outcome.value}"
    if series.attributes:
        listed = (
            f"{tag_word(name)}={tag_word(str(value))}" for name, value in sorted(series.attributes.items())
        )
        tag += f"{{{';'.join(listed)}}}"
    return tag


def tag_word(text: str) -> str:
    """Return a text with what a tag cannot hold written as in URLs."""
    return quote(text, safe=_SAFE_IN_A_TAG, errors="backslashreplace")


def _line_of(series: SeriesSnapshot, interval: RecordedInterval) -> bytes:
    return log_line(
        series.histogram,
        start_unix_nano=interval.start_unix_nano,
        end_unix_nano=interval.end_unix_nano,
        tag=series_tag(series),
    ).encode("ascii")
