"""The parts that write at intervals: the `.hlog` file, and the file that is shared with other processes.

Each has a thread of its own, off the hot path. What is written lives in `storage`.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from latency_kit.configuration.interval_thread import IntervalThread
from latency_kit.errors import ConfigurationError, UsageError
from latency_kit.measurement.recording import Recording
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.measurement.series_intervals import IntervalReaders
from latency_kit.storage.interval_log import IntervalLog
from latency_kit.storage.shared_archive import archive_ended
from latency_kit.storage.shared_file import SharedFile

__all__ = ["IntervalLogPart", "PeriodicPart", "SharePart", "build_interval_parts"]

_PAUSE_S = 0.000_05
"""Between two series, so that a thread that waits for the interpreter gets it."""

_HLOG_READER = "latency_kit.hlog"


class PeriodicPart(ABC):
    """Calls `_write` at intervals, at `flush` and at `shutdown`, one call at a time.

    * `flush` and `shutdown` return within their time limit.
    * After a fork the child begins with nothing written and a thread of its own.
    """

    def __init__(self, recording: Recording, *, name: str, interval_s: float) -> None:
        self._recording = recording
        self._thread = IntervalThread(self._tick, name=f"latency_kit-{name}", interval_s=interval_s)
        self._lock = threading.Lock()
        self._losses_of_all: Callable[[], Mapping[str, int]] = dict

    def start(self, losses: Callable[[], Mapping[str, int]]) -> None:
        """Begin to write at intervals; `losses` tells what the whole telemetry lost."""
        self._losses_of_all = losses
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Write at intervals no more, until `start`."""
        self._thread.stop(timeout_s)

    def flush(self, timeout_s: float) -> bool:
        """Write what has been recorded; tell whether that came about within the time limit."""
        return self._write_within(timeout_s, is_last=False)

    def shutdown(self, timeout_s: float) -> bool:
        """Write a last time, then end; tell whether that came about within the time limit."""
        until_s = time.monotonic() + timeout_s
        self.stop(max(timeout_s, 0.0))
        return self._write_within(until_s - time.monotonic(), is_last=True)

    def renew_after_fork(self) -> None:
        """Begin anew in the child; `start` is still to be called."""
        self._lock = threading.Lock()
        self._forget_parent()

    def _tick(self) -> None:
        # Most of the work is done with pauses; what is left for the snapshot takes no time.
        self._recording.drain_gently()
        self._write_within(0.0, is_last=False)

    def _write_within(self, timeout_s: float, *, is_last: bool) -> bool:
        if not self._lock.acquire(timeout=max(timeout_s, 0.0)):
            return False
        try:
            return self._write(is_last=is_last)
        finally:
            self._lock.release()

    @abstractmethod
    def _write(self, *, is_last: bool) -> bool: ...

    @abstractmethod
    def _forget_parent(self) -> None: ...


class IntervalLogPart(PeriodicPart):
    """The `.hlog` file as a part: each interval, and a last one at the end, one line for each series."""

    def __init__(
        self, recording: Recording, log: IntervalLog, readers: IntervalReaders, *, interval_s: float
    ) -> None:
        self._log = log
        self._readers = readers
        super().__init__(recording, name="hlog", interval_s=interval_s)

    def losses(self) -> Mapping[str, int]:
        """Return the lines that could not be written."""
        return {"hlog_lines_lost": self._log.lost} if self._log.lost else {}

    def _write(self, *, is_last: bool) -> bool:
        self._log.write(self._readers.read(_HLOG_READER))
        if is_last:
            self._log.close()
        return self._log.lost == 0

    def _forget_parent(self) -> None:
        """Leave it to the telemetry, whose readers these are, and to the file, which finds out by itself."""


class SharePart(PeriodicPart):
    """The shared file as a part: replaced at each interval, and a last time at the end.

    The first and the last time it also looks whether the directory holds too many files of ended processes.
    """

    def __init__(self, recording: Recording, file: SharedFile, *, interval_s: float) -> None:
        self._file = file
        self._is_first = True
        self._failed_to_archive = 0
        super().__init__(recording, name="share", interval_s=interval_s)

    def losses(self) -> Mapping[str, int]:
        """Return how often the file could not be replaced, or ended processes not be put together."""
        found = {"share_writes_failed": self._file.failed, "share_archives_failed": self._failed_to_archive}
        return {kind: number for kind, number in found.items() if number}

    def _write(self, *, is_last: bool) -> bool:
        done = self._file.write(self._series(), losses=self._losses_of_all(), has_ended=is_last)
        if self._is_first or is_last:
            self._is_first = False
            try:
                archive_ended(self._file.directory)
            except Exception:  # noqa: BLE001  # counted; the next process tries again
                self._failed_to_archive += 1
        return done

    def _series(self) -> Iterator[SeriesSnapshot]:
        for series in self._recording.snapshot():
            yield series
            time.sleep(_PAUSE_S)

    def _forget_parent(self) -> None:
        self._is_first = True
        self._failed_to_archive = 0
        self._file.renew_after_fork()


def build_interval_parts(
    recording: Recording,
    readers: IntervalReaders,
    *,
    hlog: tuple[Path | str | None, float],
    share: tuple[Path | str | None, float],
) -> list[IntervalLogPart | SharePart]:
    """Set up what was asked for, each a path and an interval in seconds; nothing runs before `start`.

    Raises:
        ConfigurationError: An interval is not a number above 0, or a path cannot be used.
    """
    for name, (_, interval_s) in (("hlog_interval_s", hlog), ("share_interval_s", share)):
        if not 0 < interval_s < threading.TIMEOUT_MAX:
            raise ConfigurationError(f"{name} must be a number of seconds above 0, got {interval_s!r}")
    parts: list[IntervalLogPart | SharePart] = []
    path, interval_s = hlog
    if path is not None:
        try:
            log = IntervalLog(path)
        except UsageError as error:
            raise ConfigurationError(f"hlog: {error}") from error
        parts.append(IntervalLogPart(recording, log, readers, interval_s=interval_s))
    directory, interval_s = share
    if directory is not None:
        file = SharedFile(directory, interval_s=interval_s)
        parts.append(SharePart(recording, file, interval_s=interval_s))
    return parts
