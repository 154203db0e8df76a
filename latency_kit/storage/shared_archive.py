"""Keeping a shared directory bounded: files of processes that have ended are moved into one archive."""

import contextlib
import os
import socket
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from latency_kit.errors import CorruptDataError
from latency_kit.measurement.series_sets import merge_series
from latency_kit.storage.series_frame import SeriesEncoder
from latency_kit.storage.shared_file import replace_file
from latency_kit.storage.shared_reader import (
    ARCHIVE_NAME,
    FoundFile,
    archived_names,
    find_file,
    process_files,
)

if sys.platform != "win32":
    import fcntl

__all__ = ["MAX_FILES", "archive_ended"]

MAX_FILES = 64
"""Files of processes above which those of ended ones are moved into the archive."""

_LOCK_NAME = "archive.lock"
_PART_AGE_S = 60.0
"""A partly written file this old was left by a process that was killed while writing it."""


def archive_ended(directory: Path, *, max_files: int = MAX_FILES) -> int:
    """Move files of ended processes into the archive if there are more than `max_files`; return how many.

    * No value is lost or counted twice, whoever reads meanwhile and wherever this process is killed: the
      archive names the files that it has taken in, and their names count no longer from then on.
    * Only one process at a time does it; the others go on.
    * Files that cannot be read stay where they are.

    On Windows, where it cannot be told whether a process lives, nothing is moved.

    Raises:
        OSError: The directory cannot be written to.
    """
    if sys.platform == "win32" or len(process_files(directory)) <= max_files:
        return 0
    with _sole(directory / _LOCK_NAME) as mine:
        return _archive(directory) if mine else 0


@contextlib.contextmanager
def _sole(path: Path) -> Iterator[bool]:
    """Hold the right to change the archive; yields False where another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _archive(directory: Path) -> int:
    _remove_parts(directory)
    try:
        archive = find_file(directory / ARCHIVE_NAME)
    except CorruptDataError:
        return 0  # it stays for a person to look at, and `merge_processes` says so
    taken_before = archived_names(archive)
    ended = []
    for path in process_files(directory):
        if path.name in taken_before:
            path.unlink(missing_ok=True)
        elif (found := _ended_file(path)) is not None:
            ended.append(found)
    if ended:
        _write_archive(directory / ARCHIVE_NAME, archive, ended)
        for found in ended:
            (directory / found.name).unlink(missing_ok=True)
    return len(ended)


def _ended_file(path: Path) -> FoundFile | None:
    try:
        found = find_file(path)
    except (CorruptDataError, OSError):
        return None
    if found is None or found.is_held:
        return None
    about = found.frame.about
    # A lock need not reach another machine: of a process there only its own last word counts.
    is_here = about.get("host") == socket.gethostname()
    return found if is_here or about.get("has_ended") else None


def _write_archive(path: Path, archive: FoundFile | None, ended: list[FoundFile]) -> None:
    before = {} if archive is None else archive.frame.about
    losses: dict[str, int] = dict(before.get("losses", {}))
    for found in ended:
        for kind, number in found.frame.about.get("losses", {}).items():
            losses[kind] = losses.get(kind, 0) + number
    about = {
        "generation": uuid.uuid4().hex,
        "names": [found.name for found in ended],
        "processes": before.get("processes", 0) + len(ended),
        "losses": losses,
        "written_unix_nano": time.time_ns(),
    }
    series = merge_series(
        () if archive is None else archive.frame.series, *(found.frame.series for found in ended)
    )
    descriptor = replace_file(path, SeriesEncoder().encode(series, about))
    if descriptor is not None:
        os.close(descriptor)


def _remove_parts(directory: Path) -> None:
    for path in directory.glob("*.part"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _PART_AGE_S:
                path.unlink()
