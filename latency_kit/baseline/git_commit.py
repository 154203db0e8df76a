"""Which commit of a git checkout is measured. Asked of the program git; without one there is no commit."""

import os
import subprocess
from dataclasses import dataclass

__all__ = ["Commit", "current_commit"]

_TIMEOUT_S = 10.0
_SHORT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The state of a checkout.

    Attributes:
        id: The full hash of the commit.
        is_modified: Whether tracked files differ from it.
        branch: The branch that is checked out; None for a commit without one.
    """

    id: str
    is_modified: bool = False
    branch: str | None = None

    def __str__(self) -> str:
        return f"{self.id[:_SHORT]}{', modified' if self.is_modified else ''}"


def current_commit(folder: str | os.PathLike[str] = ".") -> Commit | None:
    """Return the commit that is checked out around `folder`; None outside a checkout or without git."""
    identifier = _git(folder, "rev-parse", "--verify", "HEAD")
    if not identifier:
        return None
    branch = _git(folder, "symbolic-ref", "--short", "-q", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return Commit(id=identifier, is_modified=bool(changes), branch=branch or None)


def _git(folder: str | os.PathLike[str], *arguments: str) -> str:
    # --no-optional-locks: `status` must not disturb the git of whoever works in the checkout meanwhile.
    command = ["git", "-C", os.fspath(folder), "--no-optional-locks", *arguments]
    try:
        ended = subprocess.run(  # noqa: S603  # fixed words, no shell
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""
