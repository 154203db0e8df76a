"""Which files of a checkout hold benchmarks."""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from latency_kit.errors import UsageError

__all__ = ["benchmark_files", "is_test_file"]

_BENCHMARKS = "bench_*.py"
_TESTS = ("test_*.py", "*_test.py")
_PASSED_OVER = ("node_modules", "build", "dist", "venv", "__pycache__", "*.egg-info")


def is_test_file(file: str) -> bool:
    """Tell whether pytest runs a file, by its name."""
    name = file.rpartition("/")[2]
    return any(fnmatch(name, pattern) for pattern in _TESTS)


def benchmark_files(project: Path, paths: Sequence[str]) -> list[str]:
    """Return the files with benchmarks, relative to `project`, with `/`.

    Args:
        project: The folder of the project's files.
        paths: Files, of any name, or folders to look for `bench_*.py` and test files in, relative to
            `project`; none for all `bench_*.py` of the project, and no tests.

    Raises:
        UsageError: A path is not there, or there is no file.
    """
    found: list[str] = []
    for path in paths:
        place = project / path
        if not place.resolve().is_relative_to(project.resolve()):
            raise UsageError(f"{path}: lies outside the project; give paths relative to its folder")
        if place.is_file():
            found.append(place.relative_to(project).as_posix())
        elif place.is_dir():
            found += _files_in(place, project, (_BENCHMARKS, *_TESTS))
        else:
            raise UsageError(f"{path}: there is no such file or folder in the candidate")
    if not paths:
        found = list(_files_in(project, project, (_BENCHMARKS,)))
    if not found:
        where = ", ".join(paths) or "the project"
        raise UsageError(f"no benchmark in {where}: there is no file {_BENCHMARKS}")
    return list(dict.fromkeys(found))


def _files_in(folder: Path, project: Path, patterns: Sequence[str]) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not any(fnmatch(name, pattern) for pattern in _PASSED_OVER)
        )
        for name in sorted(names):
            if any(fnmatch(name, pattern) for pattern in patterns):
                yield (Path(parent) / name).relative_to(project).as_posix()
