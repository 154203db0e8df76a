"""A text file that grows by whole lines, is bounded by rotation, and is shared among processes.

What the lines say lives in `record` (JSONL) and `interval_log` (`.hlog`); file names in `rotation`.
"""

import contextlib
import logging
import os
import stat
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from latency_kit.errors import UsageError
from latency_kit.storage.rotation import is_still_at, rotate, rotation_lock

__all__ = ["DEFAULT_BACKUPS", "DEFAULT_MAX_BYTES", "LineFile"]

DEFAULT_MAX_BYTES = 64 * 1024 * 1024
DEFAULT_BACKUPS = 5

ItemT = TypeVar("ItemT")

_log = logging.getLogger("latency_kit.storage")

# O_BINARY and O_NOINHERIT exist on Windows only, O_CLOEXEC elsewhere only. Reading is for the last byte.
_FLAGS = (
    os.O_RDWR
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)


class LineFile:
    """Appends batches of lines to a file that other processes may append to as well.

    * Nothing but whole lines is appended, a batch in one system call; where the disk took only part of
      a line, or another program left a torn one, the next line begins afresh.
    * Before the file would grow over `max_bytes` it is rotated; `backups` older files are kept. Only a
      single line longer than `max_bytes`, or several processes at once, make a file larger.
    * A file that is empty begins with what `head` returns.
    * Nothing is raised: what cannot be written is counted in `lost` and, by kind, in `failures`, each
      kind is logged once, and the next batch tries again.
    * `written + lost` is the number of lines given.
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
        head: Callable[[], bytes] = bytes,
    ) -> None:
        """Remember where to write; the file, and its directory, come into being with the first batch.

        Raises:
            UsageError: `path` is a directory, `max_bytes` is below 1 or `backups` below 0.
        """
        if max_bytes < 1:
            raise UsageError(f"max_bytes must be at least 1, got {max_bytes!r}")
        if backups < 0:
            raise UsageError(f"backups must be at least 0, got {backups!r}")
        # Absolute, so that a program that changes its directory goes on writing to the same file.
        self._path = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow a symlink
        if self._path.is_dir():
            raise UsageError(f"{os.fspath(path)} is a directory; give the path of a file in it")
        self._max_bytes = max_bytes
        self._backups = backups
        self._head = head
        self._begin()

    @property
    def path(self) -> Path:
        """The absolute path of the file."""
        return self._path

    @property
    def written(self) -> int:
        """How many lines stand in the file as whole lines."""
        return self._written

    @property
    def lost(self) -> int:
        """How many lines could not be written."""
        return self._lost

    @property
    def failures(self) -> Mapping[str, int]:
        """How often something failed, by kind: "encode", "open", "write", "rotate"."""
        return MappingProxyType(dict(self._failures))

    def append(self, items: Iterable[ItemT], encode: Callable[[ItemT], bytes]) -> None:
        """Append the line of each item: what `encode` returns, with its line end. Never raises."""
        if os.getpid() != self._pid:
            self._forget_parent()
        with self._lock:
            lines = self._encoded(items, encode)
            for chunk in self._chunks(lines):
                try:
                    self._append(chunk)
                except Exception as error:  # noqa: BLE001  # nothing that storage does may reach the program
                    self._lose(len(chunk), "write", error)

    def close(self) -> None:
        """Close the file; idempotent, and a later batch opens it again."""
        if os.getpid() != self._pid:
            self._forget_parent()
        with self._lock:
            self._close()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        # The size at which the file ended with a whole line, as far as we know; None says: look.
        self._whole_at: int | None = None
        self._written = 0
        self._lost = 0
        self._failures: dict[str, int] = {}

    def _forget_parent(self) -> None:
        # The lock may have been held when the process forked, by a thread that the child does not have.
        descriptor = self._descriptor
        self._begin()
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _encoded(self, items: Iterable[ItemT], encode: Callable[[ItemT], bytes]) -> list[bytes]:
        lines = []
        for item in items:
            try:
                lines.append(encode(item))
            except Exception as error:  # noqa: BLE001  # a start outside the calendar, a name that is no text
                self._lose(1, "encode", error)
        return lines

    def _chunks(self, lines: Sequence[bytes]) -> Iterable[Sequence[bytes]]:
        """Divide a batch so that no part of several lines exceeds `max_bytes`."""
        first = size = 0
        for at, line in enumerate(lines):
            if size and size + len(line) > self._max_bytes:
                yield lines[first:at]
                first, size = at, 0
            size += len(line)
        if size:
            yield lines[first:]

    def _append(self, lines: Sequence[bytes]) -> None:
        try:
            descriptor = self._opened()
            status = os.fstat(descriptor)
            size = status.st_size if stat.S_ISREG(status.st_mode) else 0
            if size and size + sum(map(len, lines)) > self._max_bytes:
                descriptor = self._rotated(descriptor)
                status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_size == 0:
                before = self._head()
            else:
                before = b"" if self._ends_whole(descriptor, status) else b"\n"
        except OSError as error:
            self._lose(len(lines), "open", error)
            self._close()
            return
        self._write_out(descriptor, before, lines, status.st_size)

    def _write_out(self, descriptor: int, before: bytes, lines: Sequence[bytes], size: int) -> None:
        """Write `lines`; what a full disk cut off is tried once more, from the torn line on."""
        for _ in range(2):
            data = before + b"".join(lines)
            try:
                taken = os.write(descriptor, data)
            except OSError as error:
                self._whole_at = None
                self._lose(len(lines), "write", error)
                return
            size += taken
            if taken == len(data):
                self._written += len(lines)
                self._whole_at = size
                return
            self._whole_at = None
            whole = _whole_lines(lines, taken - len(before))
            self._written += whole
            lines = lines[whole:]
            # Blank lines mean nothing to the readers, so one too many does no harm.
            before = b"\n"
        self._lose(len(lines), "write", OSError("only a part was taken"))

    def _opened(self) -> int:
        """Return the open file, opening it where there is none or where another process has rotated it."""
        if self._descriptor is not None:
            if is_still_at(self._descriptor, self._path):
                return self._descriptor
            self._close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, _FLAGS, 0o666)
        return self._descriptor

    def _rotated(self, descriptor: int) -> int:
        """Rotate the file unless another process is at it; return the one to write to."""
        try:
            with rotation_lock(descriptor) as mine:
                if mine and is_still_at(descriptor, self._path):
                    if os.name == "nt":
                        self._close()  # an open file cannot be renamed there
                    rotate(self._path, backups=self._backups)
        except OSError as error:
            # Better a file that is too large than lines that are lost.
            self._fail("rotate", error)
        return self._opened()

    def _ends_whole(self, descriptor: int, status: os.stat_result) -> bool:
        if not stat.S_ISREG(status.st_mode) or status.st_size in {0, self._whole_at}:
            return True
        os.lseek(descriptor, -1, os.SEEK_END)
        return os.read(descriptor, 1) == b"\n"

    def _close(self) -> None:
        descriptor, self._descriptor, self._whole_at = self._descriptor, None, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _lose(self, number: int, kind: str, error: Exception) -> None:
        self._lost += number
        self._fail(kind, error)

    def _fail(self, kind: str, error: Exception) -> None:
        known = kind in self._failures
        self._failures[kind] = self._failures.get(kind, 0) + 1
        if not known:
            with contextlib.suppress(Exception):
                _log.warning(
                    "cannot %s %s: %s; further failures of this kind are counted, not logged",
                    kind,
                    self._path,
                    error,
                )


def _whole_lines(lines: Sequence[bytes], taken: int) -> int:
    """Return how many of `lines` lie wholly in the first `taken` bytes."""
    end = 0
    for number, line in enumerate(lines):
        end += len(line)
        if end > taken:
            return number
    return len(lines)
