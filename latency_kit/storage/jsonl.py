"""Appending measurements to `performance.jsonl`, in whole lines, off the hot path.

The schema of a line lives in `record`; writing, rotation and the sharing among processes in `line_file`.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from latency_kit.measurement.measurement import Measurement
from latency_kit.storage.line_file import DEFAULT_BACKUPS, DEFAULT_MAX_BYTES, LineFile
from latency_kit.storage.record import line_of

__all__ = ["DEFAULT_BACKUPS", "DEFAULT_MAX_BYTES", "JsonlWriter"]


class JsonlWriter:
    """Writes batches of measurements to a file that other processes may append to as well.

    * Nothing but whole lines is appended, a batch in one system call; where the disk took only part of
      a line, or another program left a torn one, the next line begins afresh.
    * Before the file would grow over `max_bytes` it is rotated; `backups` older files are kept. Only a
      single line longer than `max_bytes`, or several processes at once, make a file larger.
    * Nothing is raised: what cannot be written is counted in `lost` and, by kind, in `failures`, each
      kind is logged once, and the next batch tries again.
    * `written + lost` is the number of measurements given.
    * After a fork the child writes through a file of its own opening and counts from nothing.

    The data is handed to the operating system at once and not forced to the disk (no fsync): it survives
    the end of the process, not the loss of power.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        backups: int = DEFAULT_BACKUPS,
    ) -> None:
        """Remember where to write; the file, and its directory, come into being with the first batch.

        Raises:
            UsageError: `path` is a directory, `max_bytes` is below 1 or `backups` below 0.
        """
        self._file = LineFile(path, max_bytes=max_bytes, backups=backups)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The absolute path of the file."""
        return self._file.path

    @property
    def written(self) -> int:
        """How many measurements stand in the file as whole lines."""
        return self._file.written

    @property
    def lost(self) -> int:
        """How many measurements could not be written."""
        return self._file.lost

    @property
    def failures(self) -> Mapping[str, int]:
        """How often something failed, by kind: "encode", "open", "write", "rotate"."""
        return self._file.failures

    def __call__(self, measurements: Iterable[Measurement], /) -> None:
        """Write a batch, as `write` does."""
        self.write(measurements)

    def write(self, measurements: Iterable[Measurement]) -> None:
        """Append a batch. Never raises."""
        self._file.append(measurements, line_of)

    def close(self) -> None:
        """Close the file; idempotent, and a later batch opens it again."""
        self._file.close()
