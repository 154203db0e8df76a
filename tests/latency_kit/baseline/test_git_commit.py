"""The commit of a checkout is asked of git; outside of one there is none."""

import os
import subprocess
from pathlib import Path

import pytest

from latency_kit.baseline import Commit, current_commit


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "code.py").write_text("x = 1\n", encoding="utf-8")
    for words in (
        ["init", "-q", "-b", "trunk"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "begin"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    return tmp_path


def test_the_commit_says_its_branch_and_whether_it_was_modified(checkout: Path) -> None:
    found = current_commit(checkout)
    assert found is not None
    assert (len(found.id), found.is_modified, found.branch) == (40, False, "trunk")
    assert str(found) == found.id[:10]
    (checkout / "code.py").write_text("x = 2\n", encoding="utf-8")
    assert str(current_commit(checkout)) == f"{found.id[:10]}, modified"


def test_untracked_files_are_no_modification(checkout: Path) -> None:
    (checkout / "new.txt").write_text("", encoding="utf-8")
    found = current_commit(checkout)
    assert found is not None
    assert not found.is_modified


def test_a_commit_without_a_branch_has_none(checkout: Path) -> None:
    subprocess.run(["git", "-C", str(checkout), "checkout", "-q", "--detach"], check=True)
    found = current_commit(checkout)
    assert found is not None
    assert found.branch is None


def test_there_is_none_outside_a_checkout_or_without_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", os.fspath(tmp_path.parent))
    assert current_commit(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert current_commit(tmp_path) is None


def test_a_commit_is_shown_short() -> None:
    assert str(Commit(id="0123456789abcdef")) == "0123456789"
