"""Baselines: session files in one folder, each known by a name. The format of a file lives elsewhere."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from latency_kit.baseline.session_file import read_session, write_session
from latency_kit.baseline.stored_session import StoredSession
from latency_kit.errors import LatencyKitError, UsageError

__all__ = ["DEFAULT_FOLDER", "BaselineStore", "FoundSession", "sessions_in"]

DEFAULT_FOLDER = ".latency-kit"
"""Beside the code that is measured, so that it can be committed."""

SUFFIX = ".json"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSession:
    """A file in a folder of sessions.

    * Exactly one of `stored` and `refusal` is there.

    Attributes:
        name: The file's name without its suffix.
        path: The file.
        stored: The session in it; None where it cannot be read.
        refusal: Why it cannot be read.
    """

    name: str
    path: Path
    stored: StoredSession | None = None
    refusal: str = ""


class BaselineStore:
    """The baselines in one folder.

    * A name is letters, digits, dots, dashes and underscores, so that it is a file name everywhere.
    * What is there is replaced only when asked to.
    """

    def __init__(self, folder: str | os.PathLike[str] = DEFAULT_FOLDER) -> None:
        self._folder = Path(folder)

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._folder

    def path_of(self, name: str) -> Path:
        """Return the file of a baseline, whether it exists or not.

        Raises:
            UsageError: The name cannot be that of a file.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                "a baseline's name must be up to 100 letters, digits, dots, dashes and underscores and begin "
                f"with a letter or a digit, got {name!r}"
            )
        return self._folder / f"{name}{SUFFIX}"

    def save(self, stored: StoredSession, name: str, *, replace: bool = False) -> Path:
        """Keep a session as the baseline `name`.

        Raises:
            UsageError: The name is unfit or taken, or the file cannot be written.
        """
        path = self.path_of(name)
        if path.exists() and not replace:
            raise UsageError(f"{path}: there is already a baseline {name!r}; take another name or --replace")
        write_session(stored, path)
        return path

    def load(self, name: str) -> StoredSession:
        """Return the baseline `name`.

        Raises:
            UsageError: There is none; the message lists those there are.
            CorruptDataError: Its file cannot be read as a session.
        """
        path = self.path_of(name)
        if not path.exists():
            raise UsageError(f"there is no baseline {name!r} in {self._folder}; it has: {self._names()}")
        return read_session(path)

    def find(self, called: str) -> StoredSession:
        """Return the baseline `called` so, or the session in the file at that path.

        Raises:
            UsageError: There is neither.
            CorruptDataError: The file cannot be read as a session.
        """
        if not called:
            raise UsageError("give a session file or the name of a baseline, got an empty name")
        path = Path(called)
        if path.is_file() or not _NAME.fullmatch(called):
            return read_session(path)
        if not self.path_of(called).exists():
            raise UsageError(
                f"there is no session file {called!r}, and no baseline of that name in {self._folder}; "
                f"it has: {self._names()}"
            )
        return self.load(called)

    def _names(self) -> str:
        return ", ".join(found.name for found in self.found()) or "none"

    def found(self) -> tuple[FoundSession, ...]:
        """Return all baselines by name, those that cannot be read with the reason."""
        return tuple(sessions_in(self._folder))


def sessions_in(folder: str | os.PathLike[str]) -> Iterator[FoundSession]:
    """Yield what the JSON files of a folder hold, by name; nothing where there is no folder."""
    for path in sorted(Path(folder).glob(f"*{SUFFIX}")):
        # A file that is being written begins with a dot.
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            yield FoundSession(name=path.stem, path=path, stored=read_session(path))
        except LatencyKitError as error:
            yield FoundSession(name=path.stem, path=path, refusal=str(error))
