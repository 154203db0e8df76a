"""Reading what processes share through a directory, merged.

Writing is in `shared_file`; how the directory stays bounded is in `shared_archive`.
"""

import os
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.measurement.series_sets import merge_series
from latency_kit.storage.rotation import is_still_at
from latency_kit.storage.series_frame import Frame, decode_frame
from latency_kit.storage.shared_file import SUFFIX

if sys.platform != "win32":
    import fcntl

__all__ = [
    "ARCHIVE_NAME",
    "FoundFile",
    "MergedProcesses",
    "ProcessState",
    "SharedProcess",
    "find_file",
    "merge_processes",
    "process_files",
]

ARCHIVE_NAME = f"ended{SUFFIX}"
"""Holds what processes that have ended had recorded, once there were many of them."""

_STALE_AFTER_INTERVALS = 10
_STALE_AFTER_S = 30.0
"""A living process whose file is older than both has stopped sharing: suspended, or its disk is full."""

_TRIES = 100


class ProcessState(StrEnum):
    """What is known of a process by its file."""

    RUNNING = "running"
    """Alive; its file is at most some intervals old."""
    STALE = "stale"
    """Alive, but its file has not been renewed for long."""
    ENDED = "ended"
    """Has ended, and its file holds all that it had recorded."""
    KILLED = "killed"
    """Has ended without a last word: what it had recorded since its file was written is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedProcess:
    """One process that shares its series.

    Attributes:
        process_id: As the operating system numbers it; numbers come again.
        instance_id: Its `service.instance.id`; never comes again.
        host: The name of its machine or container.
        state: Whether it lives.
        started_unix_nano: When it began to share.
        written_unix_nano: When its file was written.
        calls: How many values its series hold.
        losses: What its telemetry had lost, by kind.
    """

    process_id: int
    instance_id: str
    host: str
    state: ProcessState
    started_unix_nano: int
    written_unix_nano: int
    calls: int
    losses: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedProcesses:
    """What the processes of a directory have recorded together.

    Attributes:
        series: Their series, merged exactly; those of ended processes as well.
        processes: The processes with a file of their own, by start.
        archived: How many ended processes have no file of their own any more; `series` holds their values.
        losses: What the telemetry of all of them lost, by kind.
        unreadable: Files that could not be read, with the reason; what they held is missing in `series`.
    """

    series: tuple[SeriesSnapshot, ...]
    processes: tuple[SharedProcess, ...]
    archived: int
    losses: Mapping[str, int]
    unreadable: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file as it was found: what is in it, when it was written, and whether a living process holds it."""

    name: str
    frame: Frame
    age_s: float
    is_held: bool


def merge_processes(directory: str | os.PathLike[str]) -> MergedProcesses:
    """Return what all processes recorded that were configured with `share=directory`, merged.

    Counts, sums, minima and maxima are exact for all that the processes had written when they were read:
    everything of a process that ended regularly, all but the last interval of one that runs or was killed.

    Raises:
        UsageError: There is no such directory.
        CorruptDataError: The archive of ended processes cannot be read.
    """
    root = Path(directory)
    if not root.is_dir():
        raise UsageError(f"{os.fspath(directory)} is no directory; give the one that the processes share")
    for _ in range(_TRIES):
        archive = find_file(root / ARCHIVE_NAME)
        found, unreadable = _found_files(root, archive)
        # While files were being moved into the archive, some may have been in neither place or in both.
        if _written(archive) == _written(find_file(root / ARCHIVE_NAME)):
            return _merged(archive, found, unreadable)
    raise CorruptDataError(f"{os.fspath(directory)} changes faster than it can be read")


def process_files(root: Path) -> list[Path]:
    """Return the files of processes, by name.

    Raises:
        OSError: The directory cannot be listed.
    """
    return sorted(path for path in root.iterdir() if path.name.endswith(SUFFIX) and path.name != ARCHIVE_NAME)


def find_file(path: Path) -> FoundFile | None:
    """Read the file of a process, or the archive; None where there is none.

    Raises:
        CorruptDataError: It is not a frame of series.
        OSError: It may not be read.
    """
    for _ in range(_TRIES):
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as stream:
            data = stream.read()
            is_held = _is_held(descriptor)
            age_s = max(time.time() - os.fstat(descriptor).st_mtime, 0.0)
            # A file that was replaced meanwhile is held no longer, though its process lives.
            if is_held or is_still_at(descriptor, path):
                return FoundFile(name=path.name, frame=decode_frame(data), age_s=age_s, is_held=is_held)
    raise CorruptDataError(f"{path} is replaced faster than it can be read")


def archived_names(archive: FoundFile | None) -> frozenset[str]:
    """Return the names of files that count no longer, since their values are in the archive."""
    return frozenset(() if archive is None else archive.frame.about.get("names", ()))


def _is_held(descriptor: int) -> bool:
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _found_files(root: Path, archive: FoundFile | None) -> tuple[list[FoundFile], dict[str, str]]:
    found: list[FoundFile] = []
    unreadable: dict[str, str] = {}
    in_archive = archived_names(archive)
    for path in process_files(root):
        if path.name in in_archive:
            continue
        try:
            one = find_file(path)
        except (CorruptDataError, OSError) as error:
            unreadable[path.name] = str(error)
            continue
        if one is not None:
            found.append(one)
    return found, unreadable


def _written(archive: FoundFile | None) -> object:
    return None if archive is None else archive.frame.about.get("generation")


def _merged(
    archive: FoundFile | None, found: list[FoundFile], unreadable: Mapping[str, str]
) -> MergedProcesses:
    processes = []
    sets = [] if archive is None else [archive.frame.series]
    unread = dict(unreadable)
    for one in found:
        try:
            process = _process_of(one)
        except (KeyError, TypeError, ValueError) as error:
            unread[one.name] = f"it does not say whose it is: {error!r}"
            continue
        processes.append(process)
        sets.append(one.frame.series)
    losses: dict[str, int] = dict(archive.frame.about.get("losses", {})) if archive else {}
    for process in processes:
        for kind, number in process.losses.items():
            losses[kind] = losses.get(kind, 0) + number
    return MergedProcesses(
        series=merge_series(*sets),
        processes=tuple(sorted(processes, key=lambda process: process.started_unix_nano)),
        archived=int(archive.frame.about.get("processes", 0)) if archive else 0,
        losses=losses,
        unreadable=unread,
    )


def _process_of(found: FoundFile) -> SharedProcess:
    about = found.frame.about
    return SharedProcess(
        process_id=int(about["process_id"]),
        instance_id=str(about["instance_id"]),
        host=str(about["host"]),
        state=_state_of(found, about),
        started_unix_nano=int(about["started_unix_nano"]),
        written_unix_nano=int(about["written_unix_nano"]),
        calls=sum(series.histogram.count for series in found.frame.series),
        losses={str(kind): int(number) for kind, number in about["losses"].items()},
    )


def _state_of(found: FoundFile, about: Mapping[str, Any]) -> ProcessState:
    if about["has_ended"]:
        return ProcessState.ENDED
    # Locks do not reach other machines everywhere, and Windows has none of this kind: there the age decides.
    is_elsewhere = sys.platform == "win32" or about["host"] != socket.gethostname()
    if not found.is_held and not is_elsewhere:
        return ProcessState.KILLED
    is_old = found.age_s > max(_STALE_AFTER_S, _STALE_AFTER_INTERVALS * float(about["interval_s"]))
    return ProcessState.STALE if is_old else ProcessState.RUNNING
