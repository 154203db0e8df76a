"""Both versions as files: the candidate is the work tree as it is, and nothing stays behind."""

import subprocess
from pathlib import Path

import pytest

from latency_kit.errors import UsageError
from latency_kit.gate.checkout import checked_out, lay_benchmarks_over, repository_of
from latency_kit.gate.environments import EnvironmentWish, _key


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), "-c", "user.name=n", "-c", "user.email=e", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose work tree differs from its commit in every way."""
    top = tmp_path / "a repository"
    top.mkdir()
    git(top, "init", "--quiet")
    for name in ("same", "changed", "staged", "deleted", "moved"):
        (top / name).write_text(name, encoding="utf-8")
    (top / ".gitignore").write_text("ignored\n", encoding="utf-8")
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message", "one")
    (top / "changed").write_text("new", encoding="utf-8")
    (top / "staged").write_text("new", encoding="utf-8")
    git(top, "add", "staged")
    (top / "deleted").unlink()
    git(top, "mv", "moved", "where it is now")
    (top / "folder").mkdir()
    (top / "folder" / "unknown ü").write_text("new", encoding="utf-8")
    (top / "folder" / "link").symlink_to("nowhere")
    (top / "ignored").write_text("new", encoding="utf-8")
    return top


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): str(path.readlink())
        if path.is_symlink()
        else path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.name not in {".git", ".gitignore"} and not path.is_dir()
    }


def test_the_candidate_is_the_work_tree_and_the_baseline_the_commit(repository: Path) -> None:
    before = git(repository, "status", "--porcelain")
    with checked_out(repository_of(repository / "folder"), baseline="HEAD", candidate=None) as both:
        names = ("same", "changed", "staged", "deleted", "moved")
        assert contents(both.baseline) == {name: name for name in names}
        assert contents(both.candidate) == {
            "same": "same",
            "changed": "new",
            "staged": "new",
            "where it is now": "moved",
            "folder/unknown ü": "new",
            "folder/link": "nowhere",
        }
        assert len(str(both.baseline)) == len(str(both.candidate))
        assert both.baseline_commit == both.candidate_commit == git(repository, "rev-parse", "HEAD").strip()
    assert not both.place.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert git(repository, "status", "--porcelain") == before


def test_they_are_removed_also_where_something_fails(repository: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        checked_out(repository, baseline="HEAD", candidate="HEAD") as both,
    ):
        raise KeyboardInterrupt
    assert not both.place.exists()
    with pytest.raises(UsageError, match="'nothing' is no commit, branch or tag"):
        checked_out(repository, baseline="nothing", candidate=None).__enter__()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_benchmarks_go_along_with_what_lies_beside_them_but_not_with_the_program(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for top, text in ((source, "new"), (target, "old")):
        for name in (
            "bench_top.py",
            "program.py",
            "benchmarks/bench_a.py",
            "benchmarks/data",
            "package/bench_b.py",
        ):
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text, encoding="utf-8")
        (top / "package" / "__init__.py").write_text(text, encoding="utf-8")
    (target / "benchmarks" / "gone").touch()
    lay_benchmarks_over(source, target, ["bench_top.py", "benchmarks/bench_a.py", "package/bench_b.py"])
    assert contents(target) == {
        "bench_top.py": "new",
        "program.py": "old",
        "benchmarks/bench_a.py": "new",
        "benchmarks/data": "new",
        "package/bench_b.py": "new",
        "package/__init__.py": "old",
    }


def test_environments_are_shared_by_versions_that_declare_the_same(tmp_path: Path) -> None:
    def key(text: str, **wish: tuple[str, ...]) -> str:
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
        return _key(tmp_path, EnvironmentWish(cache=tmp_path, **wish))  # type: ignore[arg-type]

    first = key('[project]\nname = "x"\nversion = "1"\ndependencies = ["a"]')
    assert key('[project]\nname = "x"\nversion = "2"\ndependencies = ["a"]\n[tool.x]\ny = 1') == first
    assert key('[project]\nname = "x"\nversion = "1"\ndependencies = ["a>2"]') != first
    assert key('[project]\nname = "x"\nversion = "1"\ndependencies = ["a"]', extras=("test",)) != first
