"""Names and renaming of rotated files: `performance.jsonl`, `performance.jsonl.1` (newer), `.2` (older)."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

__all__ = ["is_still_at", "rotate", "rotated_files", "rotation_lock"]


def rotated_files(path: Path) -> tuple[Path, ...]:
    """Return the files that exist for `path`, oldest first, `path` itself last.

    Raises:
        OSError: The directory cannot be listed.
    """
    prefix = f"{path.name}."
    numbered = [
        (int(number), found)
        for found in (path.parent.iterdir() if path.parent.is_dir() else ())
        if found.name.startswith(prefix)
        and (number := found.name[len(prefix) :]).isascii()
        and number.isdigit()
        and not number.startswith("0")
    ]
    backups = tuple(found for _, found in sorted(numbered, reverse=True))
    return (*backups, path) if path.exists() else backups


def rotate(path: Path, *, backups: int) -> None:
    """Move `path` to `.1`, what was `.1` to `.2`, and so on; the oldest beyond `backups` goes.

    Raises:
        OSError: A file cannot be moved; the others are where they were or one place further.
    """
    if backups == 0:
        path.unlink(missing_ok=True)
        return
    for number in range(backups - 1, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}.{number}").replace(f"{path}.{number + 1}")
    path.replace(f"{path}.1")


@contextlib.contextmanager
def rotation_lock(descriptor: int) -> Iterator[bool]:
    """Hold the right to rotate the open file; yields False where another process has it.

    On Windows, where nothing but ourselves can rename a file that is open, it is always given.

    Raises:
        OSError: The file system knows no locks.
    """
    if sys.platform == "win32":
        yield True
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def is_still_at(descriptor: int, path: Path) -> bool:
    """Tell whether the open file is the one that `path` names now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
