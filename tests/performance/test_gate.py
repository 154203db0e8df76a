"""`latency-kit gate` on small repositories, from the command to its exit code, with real processes.

Nothing is installed: the versions run in the interpreter of the tests, or in an environment without packages.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from latency_kit.gate import Benchmark, Version
from latency_kit.gate.worker_process import BatchRequest, WorkerProcess

pytest.importorskip("click", reason="comes with the extra 'cli'")
pytest.importorskip("rich", reason="comes with the extra 'cli'")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the gate needs a POSIX system")

QUICK = ("--no-build", "--pairs", "8", "--pair-seconds", "0.05")
Run = Callable[..., subprocess.CompletedProcess[str]]

WORK = """
def total(count={count}):
    return sum(number & 7 for number in range(count))
"""

BENCHMARKS = """
import asyncio
from shop import work

print("what a benchmark prints disturbs nobody")

def bench_total(count):
    work.total(count)

def count():
    yield None or work.COUNT

async def bench_waiting(started):
    await asyncio.sleep(0)
    work.total()

async def started():
    return True
"""

TESTS = """
import pytest
from shop import work

@pytest.mark.latency(budget_ms=0.000001)
def test_marked():
    work.total()

def test_given(latency):
    latency(work.total)

def test_of_pytest_benchmark(benchmark):
    assert benchmark(work.total) > 0

def test_plain():
    assert work.total() > 0
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with one commit; its work tree is as committed."""
    repository = tmp_path / "shop repository"
    (repository / "shop").mkdir(parents=True)
    (repository / "benchmarks").mkdir()
    (repository / "shop" / "__init__.py").touch()
    write(repository, 600)
    (repository / "benchmarks" / "bench_work.py").write_text(BENCHMARKS, encoding="utf-8")
    (repository / "test_work.py").write_text(TESTS, encoding="utf-8")
    (repository / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    git(repository, "init", "--quiet")
    commit(repository, "first")
    return repository


def write(repository: Path, count: int) -> None:
    text = f"COUNT = {count}\n{WORK.format(count=count)}"
    (repository / "shop" / "work.py").write_text(text, encoding="utf-8")


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), "-c", "user.name=n", "-c", "user.email=e", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def commit(repository: Path, message: str) -> None:
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", message)


@pytest.fixture
def gate(shop: Path, tmp_path: Path) -> Run:
    """Run the gate in the repository; afterwards nothing of it may be left."""

    def run(*arguments: str, cwd: Path = shop) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "latency_kit", "gate", *arguments]
        ended = subprocess.run(
            command,
            cwd=cwd,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        check_clean(shop, tmp_path)
        return ended

    return run


def environment(tmp_path: Path) -> dict[str, str]:
    temporary = tmp_path / "temporary"
    temporary.mkdir(exist_ok=True)
    root = str(Path(__file__).parents[2])
    return {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": root, "COLUMNS": "200"}


def check_clean(repository: Path, tmp_path: Path) -> None:
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert not list((repository / ".git").glob("worktrees/*"))
    assert list((tmp_path / "temporary").glob("latency-kit-gate-*")) == []


def test_a_slowdown_in_the_work_tree_is_found_and_nothing_else(shop: Path, gate: Run) -> None:
    write(shop, 1200)
    (shop / "benchmarks" / "bench_new.py").write_text(
        "from shop import work\n\ndef bench_fine(): sum(range(500))\n\ndef bench_new(): work.more()\n",
        encoding="utf-8",
    )
    with (shop / "shop" / "work.py").open("a", encoding="utf-8") as file:
        file.write("\nmore = total\n")
    before = git(shop, "status", "--porcelain")
    ended = gate("--baseline", "HEAD", "--json", *QUICK)
    assert ended.returncode == 1, ended.stderr
    found = json.loads(ended.stdout)
    assert found["regressed"] == [f"benchmarks/bench_work.py::bench_{name}" for name in ("total", "waiting")]
    slower = next(one for one in found["benchmarks"] if one["benchmark"].endswith("bench_total"))
    assert slower["median"]["verdict"] == "slower"
    assert 1.5 < slower["median"]["lower"] <= slower["median"]["ratio"] <= slower["median"]["upper"] < 2.7
    (new,) = found["not_compared"]
    assert new["benchmark"] == "benchmarks/bench_new.py::bench_new"
    assert "has no attribute 'more'" in new["reason"]
    assert git(shop, "status", "--porcelain") == before


def test_unchanged_code_passes_and_the_table_says_so(shop: Path, gate: Run) -> None:
    commit(shop, "second, the same")
    ended = gate("--baseline", "HEAD~1", "--candidate", "HEAD", "--only", "total", *QUICK)
    assert ended.returncode == 0, ended.stderr
    assert "benchmarks/bench_work.py::bench_total" in ended.stdout
    assert "bench_waiting" not in ended.stdout
    assert "none of 1 benchmark is slower" in ended.stdout
    assert "gate: compares 1/1 benchmarks/bench_work.py::bench_total" in ended.stderr


def test_a_test_that_uses_the_fixture_latency_is_a_benchmark(shop: Path, gate: Run) -> None:
    write(shop, 1200)
    ended = gate("test_work.py", "--baseline", "HEAD", "--only", "given", "--json", *QUICK)
    assert ended.returncode == 1, ended.stderr
    assert json.loads(ended.stdout)["regressed"] == ["test_work.py::test_given"]


def test_marked_tests_and_those_of_pytest_benchmark_are_benchmarks_too(shop: Path) -> None:
    version = Version(label="candidate", checkout=shop, python=Path(sys.executable), import_paths=(shop,))
    with WorkerProcess(version) as worker:
        names = worker.listed(["test_work.py"], are_tests=True)
    assert names == [f"test_work.py::test_{name}" for name in ("marked", "given", "of_pytest_benchmark")]
    for name in names:
        with WorkerProcess(version) as worker:
            worker.open(Benchmark(file="test_work.py", name=name.partition("::")[2], is_test=True))
            worker.ask_for_batches(BatchRequest(calls=2, samples=3), order="AA", own="A")
            assert [len(batch) for batch in worker.batches().durations_ns] == [3, 3]


def test_environments_are_built_once_and_the_project_of_each_version_is_found(shop: Path, gate: Run) -> None:
    write(shop, 1200)
    quick = [option for option in QUICK if option != "--no-build"]
    arguments = ["--baseline", "HEAD", "--only", "total", "--cache", str(shop.parent / "cache"), *quick]
    ended = gate(*arguments)
    assert ended.returncode == 1, ended.stderr
    assert "makes an environment" in ended.stderr
    # Both declare the same, so that there is one environment, and it is there the next time.
    assert len(list((shop.parent / "cache").iterdir())) == 1
    assert "makes an environment" not in gate(*arguments).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--baseline", "nowhere"], "'nowhere' is no commit, branch or tag"),
        (["--baseline", "--all"], "'--all' is no commit, branch or tag"),
        (["--baseline", "HEAD", "--candidate", "nothing"], "'nothing' is no commit"),
        (["--baseline", "HEAD", "shop"], "no benchmark in shop: there is no file bench_*.py"),
        (["--baseline", "HEAD", "absent.py"], "absent.py: there is no such file or folder"),
        (["--baseline", "HEAD", "../other"], "lies outside the project"),
        (["--baseline", "HEAD", "--only", "zzz"], "no benchmark matches 'zzz'"),
        (["--baseline", "HEAD", "shop/work.py"], "no benchmark in shop/work.py; one is a function whose"),
        (["--baseline", "HEAD", "--pairs", "3"], "at least 8 pairs, got 3"),
        (["--baseline", "HEAD", "--core", "4096"], "--core 4096: this process may use"),
        (["--baseline", "HEAD", "--threshold", "-1"], "a threshold is a share from 0"),
        (["--baseline", "HEAD", "--seconds", "0"], "--seconds must be above 0"),
        (["--baseline", "HEAD", "--extra", "x"], "--no-build makes none"),
        (["--baseline", "HEAD", "--python", "no-python"], "no-python: No such file"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(gate: Run, arguments: list[str], message: str) -> None:
    ended = gate(*arguments, "--no-build")
    assert ended.returncode == 2
    assert ended.stdout == ""
    *steps, line = ended.stderr.splitlines()
    assert line.startswith("latency-kit: ")
    assert message in line
    assert all(step.startswith("gate: ") for step in steps)


def test_outside_a_repository_it_says_so(gate: Run, tmp_path: Path) -> None:
    ended = gate("--baseline", "HEAD", "--no-build", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "is in no git work tree" in ended.stderr


def test_a_benchmark_that_is_broken_in_the_candidate_is_an_error_and_not_news(shop: Path, gate: Run) -> None:
    (shop / "shop" / "work.py").write_text("COUNT = 1\ndef total(count=1): raise OSError('gone')\n", "utf-8")
    ended = gate("--baseline", "HEAD", *QUICK)
    assert ended.returncode == 2
    assert "bench_total: the candidate cannot run it: OSError: gone (shop/work.py:2)" in ended.stderr


def test_where_the_baseline_can_run_nothing_there_is_no_pass(shop: Path, gate: Run) -> None:
    file = shop / "benchmarks" / "bench_work.py"
    file.write_text("from shop import later\n\ndef bench_later(): pass\n", encoding="utf-8")
    (shop / "shop" / "later.py").touch()
    ended = gate("--baseline", "HEAD", *QUICK)
    assert ended.returncode == 2
    assert "the baseline can run none of the benchmarks" in ended.stderr


def test_an_environment_that_cannot_be_built_is_one_line_and_leaves_none_behind(
    shop: Path, gate: Run
) -> None:
    (shop / "pyproject.toml").write_text('[build-system]\nrequires = []\nbuild-backend = "absent"\n', "utf-8")
    cache = shop.parent / "cache"
    ended = gate("--baseline", "HEAD", "--candidate", "HEAD", "--python", "no-python", "--cache", str(cache))
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith(
        "latency-kit: the environment of the baseline cannot be made: "
    )
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_nothing_left_behind(
    shop: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    (shop / "benchmarks" / "bench_work.py").write_text(
        "import pathlib, time\n\ndef bench_long():\n    pathlib.Path('called').touch()\n    time.sleep(60)\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "latency_kit", "gate", "--baseline", "HEAD", "--no-build"]
    with subprocess.Popen(
        command, cwd=shop, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        give_up_s = time.monotonic() + 60
        while not list((tmp_path / "temporary").glob("latency-kit-gate-*/*/called")):
            assert time.monotonic() < give_up_s
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(number)
        running.communicate(timeout=60)
    assert running.returncode == code
    check_clean(shop, tmp_path)
