"""What is exported, whatever it came from: a session file, a baseline or a `performance.jsonl`, as series.

What each format looks like lives in `export_formats`.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from latency_kit.baseline import BaselineStore, StoredSession
from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.histogram import Histogram, HistogramSnapshot
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.session import SessionInterval
from latency_kit.storage import JsonlReader, StoredMeasurement
from latency_kit.units import NS_PER_S

__all__ = ["ExportedSource", "SkippedLines", "is_jsonl", "measurements_in", "source_of"]

_INTERVAL_NS = 10 * NS_PER_S
"""Length of the intervals that measurements are put into, as `configure(hlog=...)` has it."""

_LOOKED_AT = 1 << 16

_TOLD_BY = frozenset({"component", "operation", "duration_ms"})
"""Fields by which a line is known as a measurement, or meant to be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedLines:
    """Lines of a `performance.jsonl` that were left out; false where there are none.

    Attributes:
        bad: Those that are not of the schema.
        torn: Those of which only the beginning was written.
    """

    bad: int = 0
    torn: int = 0

    @classmethod
    def of(cls, reader: JsonlReader) -> "SkippedLines":
        """Return what a reader has skipped so far."""
        return cls(bad=reader.skipped_bad, torn=reader.skipped_torn)

    def __bool__(self) -> bool:
        return self.bad + self.torn > 0

    def describe(self) -> str:
        """Say in words how many of which kind."""
        kinds = ((self.bad, "no measurement of the schema"), (self.torn, "cut short"))
        return f"left out: {', '.join(f'{_lines(count)} {what}' for count, what in kinds if count)}"


def _lines(count: int) -> str:
    return "1 line that is" if count == 1 else f"{count} lines that are"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedSource:
    """Series and intervals.

    Attributes:
        series: Every series.
        intervals: The same calls over time; empty where the source has no intervals.
        start_unix_nano: When it began.
        end_unix_nano: When it ended.
        skipped: What could not be read of it.
    """

    series: tuple[SeriesSnapshot, ...]
    intervals: tuple[SessionInterval, ...]
    start_unix_nano: int
    end_unix_nano: int
    skipped: SkippedLines = SkippedLines()

    def chosen(self, names: Sequence[str]) -> "ExportedSource":
        """Return the same with the operations of those names only; with all for none.

        Raises:
            UsageError: There is none of a name.
        """
        known = dict.fromkeys(one.name for one in self.series)
        for name in names:
            if name not in known:
                raise UsageError(f"there is no series {name!r}; there are: {', '.join(known) or 'none'}")
        if not names:
            return self
        return replace(
            self,
            series=tuple(one for one in self.series if one.name in names),
            intervals=tuple(
                SessionInterval(
                    start_unix_nano=one.start_unix_nano,
                    end_unix_nano=one.end_unix_nano,
                    durations={name: held for name, held in one.durations.items() if name in names},
                )
                for one in self.intervals
            ),
        )

    def good(self) -> dict[str, HistogramSnapshot]:
        """Return the durations of calls that ended well, by name, where there are any."""
        found: dict[str, HistogramSnapshot] = {}
        for one in self.series:
            if one.outcome is Outcome.OK and one.histogram.count:
                found[one.name] = found[one.name].merge(one.histogram) if one.name in found else one.histogram
        return found


def is_jsonl(path: Path) -> bool:
    """Tell whether a file holds measurements line by line, by its first line rather than its name.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            first = file.readline(_LOOKED_AT)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        parsed = json.loads(first)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        return path.suffix == ".jsonl"
    return "format" not in parsed and (path.suffix == ".jsonl" or parsed.keys() >= _TOLD_BY)


def measurements_in(reader: JsonlReader, path: Path) -> Iterator[StoredMeasurement]:
    """Return an iterator over the measurements of a file.

    Raises:
        CorruptDataError: It has lines, and none of them is a measurement.
        UsageError: It cannot be read.
    """
    records = iter(reader)
    first = next(records, None)
    skipped = SkippedLines.of(reader)
    if first is None and skipped:
        raise CorruptDataError(f"{path}: there is no measurement in it ({skipped.describe()})")
    return records if first is None else itertools.chain([first], records)


def source_of(called: str, store: BaselineStore, *, rotated: bool) -> ExportedSource:
    """Return what is in the file at that path, or in the baseline of that name.

    Raises:
        UsageError: There is neither.
        CorruptDataError: The file cannot be read as a session, or holds no measurement.
    """
    path = Path(called)
    if path.is_file() and is_jsonl(path):
        return _of_measurements(path, rotated=rotated)
    return _of_session(store.find(called))


def _of_session(stored: StoredSession) -> ExportedSource:
    session = stored.session
    return ExportedSource(
        series=session.series,
        intervals=session.intervals,
        start_unix_nano=session.start_unix_nano,
        end_unix_nano=session.end_unix_nano,
    )


def _of_measurements(path: Path, *, rotated: bool) -> ExportedSource:
    whole: dict[tuple[str, str, Outcome], Histogram] = {}
    by_interval: dict[int, dict[str, Histogram]] = {}
    start, end = 0, 0
    reader = JsonlReader(path, rotated=rotated)
    for record in measurements_in(reader, path):
        ended = record.start_unix_nano + record.duration_ns
        start = min(start or record.start_unix_nano, record.start_unix_nano)
        end = max(end, ended)
        key = (record.component, record.operation, record.outcome)
        whole.setdefault(key, Histogram()).record(record.duration_ns)
        interval = by_interval.setdefault(ended // _INTERVAL_NS, {})
        interval.setdefault(record.name, Histogram()).record(record.duration_ns)
    return ExportedSource(
        series=tuple(_series(*key, whole[key].snapshot(), start) for key in sorted(whole)),
        intervals=tuple(_intervals(by_interval)),
        start_unix_nano=start,
        end_unix_nano=end,
        skipped=SkippedLines.of(reader),
    )


def _series(
    component: str, operation: str, outcome: Outcome, histogram: HistogramSnapshot, start_unix_nano: int
) -> SeriesSnapshot:
    return SeriesSnapshot(
        component=component,
        operation=operation,
        outcome=outcome,
        attributes={},
        histogram=histogram,
        start_unix_nano=start_unix_nano,
        exemplars=(),
    )


def _intervals(by_interval: dict[int, dict[str, Histogram]]) -> Iterator[SessionInterval]:
    for number, held in sorted(by_interval.items()):
        yield SessionInterval(
            start_unix_nano=number * _INTERVAL_NS,
            end_unix_nano=(number + 1) * _INTERVAL_NS,
            durations={name: histogram.snapshot() for name, histogram in held.items()},
        )
