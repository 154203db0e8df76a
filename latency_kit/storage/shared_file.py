"""The file in which a process shares its series through a directory. Reading is in `shared_reader`.

Each process keeps one file of all that it has recorded, replaced whole at intervals and at its end. The
operating system holds a lock on the file while the process lives, so that others can tell who was killed.
"""

import contextlib
import logging
import os
import socket
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from latency_kit.errors import ConfigurationError
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.process_identity import instance_id
from latency_kit.storage.series_frame import SeriesEncoder

if sys.platform != "win32":
    import fcntl

__all__ = ["SUFFIX", "SharedFile", "replace_file"]

SUFFIX = ".series"

_log = logging.getLogger("latency_kit.storage")


class SharedFile:
    """Writes the series of this process to a file of its own in a directory that processes share.

    * Readers find a whole frame or none: the file is replaced in one step.
    * What was recorded is in the file after each `write`, with exact sums, minima and maxima.
    * A forked child writes a file of its own, and leaves its parent's alone.
    * `write` never raises; a failure is counted in `failed` and logged once.
    """

    def __init__(self, directory: str | os.PathLike[str], *, interval_s: float) -> None:
        """Make sure that the directory is there and can be written to.

        Args:
            directory: The same for all processes of one run; made where it does not exist.
            interval_s: How often `write` will be called: what readers may expect.

        Raises:
            ConfigurationError: The directory cannot be made, or nothing can be written in it.
        """
        self._directory = Path(os.path.abspath(directory))  # noqa: PTH100  # resolve() would follow a symlink
        self._interval_s = interval_s
        self._descriptor: int | None = None
        self._begin()
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            # Finds out at once what would otherwise fail at every interval, missing locks among it.
            _close(replace_file(self._directory / f"{self._token}.probe", b""))
            (self._directory / f"{self._token}.probe").unlink()
        except OSError as error:
            raise ConfigurationError(
                f"share={os.fspath(directory)!r} cannot be used: {error.strerror or error}; "
                "give a directory on a local disk that can be written to"
            ) from error

    @property
    def directory(self) -> Path:
        """The absolute path of the directory."""
        return self._directory

    @property
    def path(self) -> Path:
        """The file of this process; it comes into being with the first `write`."""
        return self._directory / f"{self._process_id}-{self._token}{SUFFIX}"

    @property
    def failed(self) -> int:
        """How many times the file could not be replaced."""
        return self._failed

    def write(
        self, series: Iterable[SeriesSnapshot], *, losses: Mapping[str, int], has_ended: bool = False
    ) -> bool:
        """Replace the file by one with `series`; tell whether that came about. Never raises.

        Args:
            series: All that this process has recorded.
            losses: What its telemetry lost, by kind.
            has_ended: Whether this is the last time.
        """
        if os.getpid() != self._process_id:
            self.renew_after_fork()
        try:
            frame = self._encoder.encode(
                series,
                {
                    "process_id": self._process_id,
                    "instance_id": instance_id(),
                    "host": socket.gethostname(),
                    "interval_s": self._interval_s,
                    "started_unix_nano": self._started_unix_nano,
                    "written_unix_nano": time.time_ns(),
                    "has_ended": has_ended,
                    "losses": dict(losses),
                },
            )
            descriptor = replace_file(self.path, frame)
        except Exception as error:  # noqa: BLE001  # nothing that storage does may reach the program
            self._failed += 1
            if self._failed == 1:
                with contextlib.suppress(Exception):
                    _log.warning("cannot share %s: %s; further failures are only counted", self.path, error)
            return False
        # The new file is locked before the old one is let go: the process never seems dead.
        self._let_go()
        self._descriptor = descriptor
        if has_ended:
            self._let_go()
        return True

    def close(self) -> None:
        """Let the file go as it is."""
        self._let_go()

    def renew_after_fork(self) -> None:
        """Let go of the parent's file, which stays the parent's, and begin one for this process."""
        # Closing does not unlock: the parent holds the same open file.
        self._let_go()
        self._begin()

    def _begin(self) -> None:
        self._process_id = os.getpid()
        self._token = uuid.uuid4().hex
        self._encoder = SeriesEncoder()
        self._started_unix_nano = time.time_ns()
        self._failed = 0

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        _close(descriptor)


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def replace_file(path: Path, data: bytes) -> int | None:
    """Write `data` to `path` in one step; return the descriptor by which the file stays locked.

    On Windows, where an open file cannot be replaced, there is no lock and the result is None.

    Raises:
        OSError: The disk is full, or the directory cannot be written to.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    descriptor = os.open(part, flags, 0o666)
    try:
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        written = 0
        while written < len(data):
            written += os.write(descriptor, data[written:])
        if sys.platform == "win32":
            os.close(descriptor)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    return None if sys.platform == "win32" else descriptor
