"""What pytest-benchmark saved is read as a session, from what it has just written and from made-up files."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from latency_kit.baseline import Commit, read_pytest_benchmark, read_session, write_session
from latency_kit.errors import CorruptDataError, UsageError

BENCHMARK: Mapping[str, Any] = {
    "name": "test_sum",
    "fullname": "tests/test_sums.py::test_sum",
    "stats": {"data": [1.5e-06, 2.0e-06, 0.25], "iterations": 1, "rounds": 3},
}
DOCUMENT: Mapping[str, Any] = {
    "machine_info": {
        "node": "a-host",
        "machine": "x86_64",
        "python_implementation": "CPython",
        "python_version": "3.12.4",
        "release": "6.8.0",
        "system": "Linux",
        "cpu": {"brand_raw": "AMD EPYC  7B13 ", "count": 4},
    },
    "commit_info": {"id": "c" * 40, "dirty": True, "branch": "trunk"},
    "benchmarks": [BENCHMARK],
    "datetime": "2026-01-05T08:00:01.000250+00:00",
    "version": "5.1.0",
}


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    def write(**changes: Any) -> Path:
        path = tmp_path / "0001_main.json"
        path.write_text(json.dumps({**DOCUMENT, **changes}), encoding="utf-8")
        return path

    return write


def test_durations_are_whole_nanoseconds_under_the_name_of_the_test(saved: Callable[..., Path]) -> None:
    stored = read_pytest_benchmark(saved())
    histogram = stored.histograms()["tests.test_sums.test_sum"]
    assert (histogram.count, histogram.min_ns, histogram.max_ns, histogram.sum_ns) == (
        3,
        1500,
        250_000_000,
        250_003_500,
    )
    assert stored.durations_ns["tests.test_sums.test_sum"] == (1500, 2000, 250_000_000)
    assert stored.session.end_unix_nano == 1_767_600_001_000_250_000
    assert stored.session.end_unix_nano - stored.session.start_unix_nano == 250_003_500


def test_machine_and_commit_are_kept_without_the_name_of_the_host(
    saved: Callable[..., Path], tmp_path: Path
) -> None:
    stored = read_pytest_benchmark(saved())
    environment = stored.session.environment
    assert (environment.processor, environment.cores, environment.machine) == ("AMD EPYC 7B13", 4, "x86_64")
    assert (environment.python_version, environment.operating_system) == ("3.12.4", "Linux 6.8.0")
    assert stored.commit == Commit(id="c" * 40, is_modified=True, branch="trunk")
    assert stored.conditions == {"instrument": "pytest-benchmark"}
    write_session(stored, tmp_path / "session.json")
    assert read_session(tmp_path / "session.json") == stored
    assert "a-host" not in (tmp_path / "session.json").read_text(encoding="utf-8")


def test_means_of_several_calls_are_said_to_be(saved: Callable[..., Path]) -> None:
    many = {**BENCHMARK, "stats": {**BENCHMARK["stats"], "iterations": 7}}
    stored = read_pytest_benchmark(saved(benchmarks=[many]))
    assert stored.session.facts["tests.test_sums.test_sum"] == "each value is the mean of 7 calls"


def test_benchmarks_without_raw_data_are_named(saved: Callable[..., Path]) -> None:
    bare = {"name": "b", "fullname": "t.py::b", "stats": {"mean": 1.0, "iterations": 1}}
    stored = read_pytest_benchmark(saved(benchmarks=[BENCHMARK, bare]))
    assert stored.session.facts["left out, without raw data"] == "t.py::b"
    with pytest.raises(UsageError, match=r"holds no raw data .* run pytest with --benchmark-save-data"):
        read_pytest_benchmark(saved(benchmarks=[bare]))


def test_a_checkout_without_commits_has_none(saved: Callable[..., Path]) -> None:
    assert (
        read_pytest_benchmark(saved(commit_info={"id": "unversioned", "branch": "(unknown)"})).commit is None
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"benchmarks": [{"fullname": "x"}]}, "KeyError: 'stats'"),
        ({"benchmarks": 3}, "TypeError"),
        ({"datetime": "yesterday"}, "ValueError"),
        ({"machine_info": {}}, "KeyError: 'python_version'"),
        (
            {"benchmarks": [{**BENCHMARK, "stats": {"data": [-1.0], "iterations": 1}}]},
            "cannot be -1.0 seconds",
        ),
        ({"benchmarks": [{**BENCHMARK, "stats": {"data": ["x"], "iterations": 1}}]}, "TypeError"),
    ],
)
def test_damaged_files_are_refused_with_the_reason(
    saved: Callable[..., Path], changes: Mapping[str, Any], reason: str
) -> None:
    with pytest.raises(CorruptDataError, match=reason):
        read_pytest_benchmark(saved(**changes))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(UsageError, match="cannot be read"):
        read_pytest_benchmark(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(CorruptDataError, match="is not JSON"):
        read_pytest_benchmark(path)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(CorruptDataError, match="is no file of pytest-benchmark"):
        read_pytest_benchmark(path)


def test_what_the_installed_pytest_benchmark_writes_is_read(tmp_path: Path) -> None:
    pytest.importorskip("pytest_benchmark", reason="pytest-benchmark comes with the extra 'dev'")
    (tmp_path / "test_it.py").write_text(
        "def test_sum(benchmark):\n    benchmark.pedantic(sum, ([1, 2],), rounds=30, iterations=2)\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-q", "--benchmark-json=out.json", "--rootdir=."]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    subprocess.run(command, cwd=tmp_path, env=alone, check=True, capture_output=True, timeout=120)
    stored = read_pytest_benchmark(tmp_path / "out.json")
    assert stored.histograms()["test_it.test_sum"].count == 30
    assert stored.session.facts["test_it.test_sum"] == "each value is the mean of 2 calls"
