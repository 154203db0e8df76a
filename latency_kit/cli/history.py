"""Recorded calls for a backtest, out of the files that hold them. What is done with them lives elsewhere."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from latency_kit.budget import Call, IntervalOfCalls
from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.histogram.log import HistogramLogReader, LoggedInterval
from latency_kit.measurement.measurement import Outcome
from latency_kit.storage import JsonlReader
from latency_kit.storage.rotation import rotated_files

__all__ = ["History", "read_history"]

Series = tuple[str, str]


@dataclass(slots=True, kw_only=True)
class History:
    """What the files hold of the series that are judged.

    Attributes:
        calls: Single calls by series, ascending by their end.
        intervals: Interval histograms by series, ascending by their end.
        skipped: Lines that could not be read.
        other: Calls and intervals of series that nobody judges.
    """

    calls: Mapping[Series, Sequence[Call]] = field(default_factory=dict)
    intervals: Mapping[Series, Sequence[IntervalOfCalls]] = field(default_factory=dict)
    skipped: int = 0
    other: int = 0


def read_history(paths: Sequence[Path], series: Collection[Series]) -> History:
    """Read `performance.jsonl` files and, by their suffix, `.hlog` files, each with its rotated parts.

    The same calls must not be given twice, as a `.jsonl` and as an `.hlog`.

    Raises:
        UsageError: A file is absent or cannot be read.
        CorruptDataError: A line in the middle of an `.hlog` file is no line of one.
    """
    calls: dict[Series, list[Call]] = {one: [] for one in series}
    intervals: dict[Series, list[IntervalOfCalls]] = {one: [] for one in series}
    history = History(calls=calls, intervals=intervals)
    for path in paths:
        if path.suffix == ".hlog":
            _read_log(path, intervals, history)
        else:
            _read_jsonl(path, calls, history)
    for its_calls in calls.values():
        # A line is written when its call has ended, but by several processes and for many calls at once.
        its_calls.sort(key=_end)
    for its_intervals in intervals.values():
        its_intervals.sort(key=_end)
    return history


def _read_jsonl(path: Path, calls: Mapping[Series, list[Call]], history: History) -> None:
    reader = JsonlReader(path, rotated=True)
    for record in reader:
        known = calls.get((record.component, record.operation))
        if known is None:
            history.other += 1
            continue
        known.append(
            Call(
                at_ns=record.start_unix_nano + record.duration_ns,
                duration_ns=record.duration_ns,
                is_ok=record.outcome is Outcome.OK,
                trace_id=record.trace_id,
                span_id=record.span_id,
            )
        )
    history.skipped += reader.skipped_torn + reader.skipped_bad


def _read_log(path: Path, intervals: Mapping[Series, list[IntervalOfCalls]], history: History) -> None:
    by_tag = {
        f"{component}.{operation}{suffix}": ((component, operation), suffix == "")
        for component, operation in intervals
        for suffix in ("", *(f".{outcome}" for outcome in Outcome if outcome is not Outcome.OK))
    }
    files = rotated_files(path)
    if not files:
        raise UsageError(f"{path}: there is no such file")
    for file in files:
        try:
            with file.open(encoding="ascii", errors="replace") as lines:
                reader = HistogramLogReader(lines)
                for interval in reader:
                    _take(interval, by_tag, intervals, history)
                history.skipped += reader.torn_lines
        except OSError as error:
            raise UsageError(f"{file}: cannot be read: {error.strerror or error}") from error
        except CorruptDataError as error:
            raise CorruptDataError(f"{file}: {error}") from error


def _take(
    logged: LoggedInterval,
    by_tag: Mapping[str, tuple[Series, bool]],
    intervals: Mapping[Series, list[IntervalOfCalls]],
    history: History,
) -> None:
    # A tag is `component.operation`, `.outcome` unless that is ok, and `{attributes}` if there are any.
    known = by_tag.get(unquote((logged.tag or "").partition("{")[0]))
    if known is None:
        history.other += 1
        return
    series, is_ok = known
    intervals[series].append(
        IntervalOfCalls(at_ns=logged.end_unix_nano, durations=logged.snapshot, is_ok=is_ok)
    )


def _end(one: Call | IntervalOfCalls) -> int:
    return one.at_ns
