"""Both versions as files: two git work trees in a temporary place, always removed again.

The baseline is a commit. The candidate is another, or the work tree as it is: then its commit is checked out
and what differs from it, also files that git does not know yet, is laid over it. Ignored files stay behind.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from latency_kit.errors import UsageError

__all__ = ["Checkouts", "checked_out", "lay_benchmarks_over", "repository_of"]

_GIT_VARIABLES = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkouts:
    """Two versions of one repository.

    Attributes:
        baseline: The folder of the baseline's files.
        candidate: The folder of the candidate's.
        baseline_commit: The full hash of the baseline.
        candidate_commit: That of the candidate, or of the commit that the work tree differs from.
        place: A folder beside them for what else is needed; removed with them.
    """

    baseline: Path
    candidate: Path
    baseline_commit: str
    candidate_commit: str
    place: Path


def repository_of(folder: Path) -> Path:
    """Return the top folder of the git work tree around `folder`.

    Raises:
        UsageError: The program git is missing, or there is no work tree.
    """
    if shutil.which("git") is None:
        raise UsageError("the program git was not found; the versions to compare come from it")
    ended = _run(folder, "rev-parse", "--show-toplevel")
    if ended.returncode != 0:
        raise UsageError(f"{folder.resolve()}: is in no git work tree; run it inside the project's checkout")
    return Path(ended.stdout.strip())


@contextmanager
def checked_out(repository: Path, *, baseline: str, candidate: str | None) -> Iterator[Checkouts]:
    """Check two versions out for as long as the context lasts.

    Args:
        repository: The top folder of a git work tree.
        baseline: A commit, branch or tag.
        candidate: Another; None for the work tree as it is.

    Raises:
        UsageError: One of them is no commit, or git cannot check it out.
    """
    commits = [_commit(repository, baseline), _commit(repository, "HEAD" if candidate is None else candidate)]
    # No link in the path: what a program says of its own place is the same as what we say.
    place = Path(tempfile.mkdtemp(prefix="latency-kit-gate-")).resolve()
    # Names of the same length: where objects lie in memory depends on such things.
    folders = [place / "base", place / "cand"]
    try:
        for folder, commit in zip(folders, commits, strict=True):
            _git(repository, "worktree", "add", "--detach", "--quiet", str(folder), commit)
        if candidate is None:
            _lay_changes_over(repository, folders[1])
        yield Checkouts(
            baseline=folders[0],
            candidate=folders[1],
            baseline_commit=commits[0],
            candidate_commit=commits[1],
            place=place,
        )
    finally:
        for folder in folders:
            # Twice: a work tree that git still holds to be under way is locked.
            _run(repository, "worktree", "remove", "--force", "--force", str(folder))
        shutil.rmtree(place, ignore_errors=True)
        _run(repository, "worktree", "prune")


def lay_benchmarks_over(source: Path, target: Path, files: Sequence[str]) -> None:
    """Make benchmark files of `target`, and what lies beside them, what they are in `source`.

    What lies beside one goes along (data, modules, `conftest.py`), unless its folder is the top of the
    checkout or a package: there lies the program itself.
    """
    for folder in {PurePosixPath(file).parent for file in files}:
        if folder.parts and not (source / folder / "__init__.py").exists():
            shutil.rmtree(target / folder, ignore_errors=True)
            shutil.copytree(source / folder, target / folder, symlinks=True)
    _lay_over(source, target, files)


def _lay_changes_over(repository: Path, target: Path) -> None:
    changed = _git(repository, "diff", "--name-only", "--no-renames", "-z", "HEAD")
    unknown = _git(repository, "ls-files", "--others", "--exclude-standard", "-z")
    _lay_over(repository, target, [path for path in (changed + unknown).split("\0") if path])


def _lay_over(source: Path, target: Path, paths: Sequence[str]) -> None:
    """Make files of `target` what they are in `source`; those that are not there are deleted."""
    for path in paths:
        wanted, replaced = source / path, target / path
        if replaced.is_symlink() or replaced.is_file():
            replaced.unlink()
        if wanted.is_symlink() or wanted.is_file():
            replaced.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(wanted, replaced, follow_symlinks=False)


def _commit(repository: Path, reference: str) -> str:
    ended = _run(
        repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}"
    )
    if ended.returncode != 0:
        raise UsageError(f"{reference!r} is no commit, branch or tag of {repository}")
    return ended.stdout.strip()


def _git(repository: Path, *arguments: str) -> str:
    ended = _run(repository, *arguments)
    if ended.returncode != 0:
        said = " ".join(ended.stderr.split())
        raise UsageError(f"git {' '.join(arguments[:2])} failed: {said}")
    return ended.stdout


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # A hook of git that calls us has set variables that name its own work tree and index.
    return subprocess.run(  # noqa: S603  # no shell
        ["git", "-C", str(folder), *arguments],  # noqa: S607  # whichever git the person uses
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
        env={name: value for name, value in os.environ.items() if name not in _GIT_VARIABLES},
    )
