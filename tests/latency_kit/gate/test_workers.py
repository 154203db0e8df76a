"""A worker and its process: every kind of benchmark is called, every failure is one line."""

import os
import sys
from pathlib import Path

import pytest

from latency_kit.gate import Benchmark, BenchmarkFailedError, Version
from latency_kit.gate.worker_process import BatchRequest, WorkerProcess

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the gate needs a POSIX system")

FILE = """
import asyncio, sys
from pathlib import Path
import beside

CALLS = []
print("printed while it is imported")

def note(what):
    with Path("notes").open("a") as notes:
        notes.write(what + " ")

def bench_function(number, text="default"):
    print("printed in a call")
    assert number == 7

def number():
    note("begins")
    yield 7
    note("ends")

async def bench_coroutine(connection):
    await asyncio.sleep(0)
    assert connection == "open 7"

async def connection(number):
    await asyncio.sleep(0)
    yield f"open {number}"
    note("closes")

def bench_stream():
    note("item")
    yield 1

async def bench_async_stream():
    await asyncio.sleep(0)
    yield 1

def bench_broken():
    raise ValueError("two\\nlines")

def bench_unknown(nobody):
    pass

def bench_dying():
    print("last words", file=sys.stderr)
    import os; os._exit(3)

def bench_leaving():
    sys.exit("left")

def bench_endless():
    while True: pass

not_one = number
"""

NAMES = [
    "function",
    "coroutine",
    "stream",
    "async_stream",
    "broken",
    "unknown",
    "dying",
    "leaving",
    "endless",
]


@pytest.fixture
def version(tmp_path: Path) -> Version:
    (tmp_path / "beside.py").touch()
    (tmp_path / "bench_all.py").write_text(FILE, encoding="utf-8")
    return Version(label="candidate", checkout=tmp_path, python=Path(sys.executable), import_paths=())


def benchmark(name: str) -> Benchmark:
    return Benchmark(file="bench_all.py", name=f"bench_{name}")


def test_functions_named_bench_are_benchmarks_in_their_order(version: Version) -> None:
    with WorkerProcess(version) as worker:
        found = worker.listed(["bench_all.py"], are_tests=False)
    assert found == [f"bench_all.py::bench_{name}" for name in NAMES]


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("function", "begins ends"),
        ("coroutine", "begins closes ends"),
        ("stream", "item " * 10),
        ("async_stream", ""),
    ],
)
def test_every_kind_is_set_up_once_called_as_often_as_asked_and_torn_down(
    version: Version, name: str, notes: str
) -> None:
    with WorkerProcess(version) as worker:
        worker.open(benchmark(name))
        worker.ask_for_batches(BatchRequest(calls=2, samples=3, lead_in=1), order="A", own="A")
        taken = worker.batches()
        worker.ask_for_batches(BatchRequest(), order="A", own="A")
        assert len(worker.batches().durations_ns[0]) == 1
    (durations,) = taken.durations_ns
    assert len(durations) == 3
    assert min(durations) > 0
    assert len(taken.disturbed) == 1
    written = version.checkout / "notes"
    text = written.read_text(encoding="utf-8") if written.exists() else ""
    assert text.split() == notes.split()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken", r"ValueError: two lines \(bench_all\.py:\d+\)"),
        ("unknown", r"bench_unknown has a parameter 'nobody', but there is no function nobody\(\)"),
        ("dying", "its process ended with code 3: last words"),
        ("leaving", "SystemExit: left"),
        ("absent", "there is no bench_absent in bench_all.py"),
    ],
)
def test_a_benchmark_that_fails_says_why_in_one_line(version: Version, name: str, reason: str) -> None:
    with WorkerProcess(version) as worker, pytest.raises(BenchmarkFailedError, match=reason) as failed:
        worker.open(benchmark(name))
    assert failed.value.version == "candidate"
    assert "\n" not in failed.value.reason


def test_one_that_never_ends_is_given_up(version: Version) -> None:
    with (
        WorkerProcess(version, timeout_s=2.0) as worker,
        pytest.raises(BenchmarkFailedError, match="no answer within 2 s"),
    ):
        worker.open(benchmark("endless"))


def test_an_interpreter_that_is_not_there_is_named(version: Version) -> None:
    absent = Version(label="baseline", checkout=version.checkout, python=Path("absent"), import_paths=())
    with pytest.raises(BenchmarkFailedError, match="the baseline cannot run it: absent: No such file"):
        WorkerProcess(absent)


def test_where_one_of_two_ends_the_other_is_not_blamed(version: Version) -> None:
    to_a, from_b = os.pipe()
    to_b, from_a = os.pipe()
    with (
        WorkerProcess(version, baton=(to_a, from_a)) as one,
        WorkerProcess(version, baton=(to_b, from_b)) as other,
    ):
        for end in (to_a, from_b, to_b, from_a):
            os.close(end)
        one.open(benchmark("stream"))
        with pytest.raises(BenchmarkFailedError, match="last words"):
            other.open(benchmark("dying"))
        one.ask_for_batches(BatchRequest(), order="BA", own="A")
        with pytest.raises(BenchmarkFailedError) as failed:
            one.batches()
    assert failed.value.is_left_alone


def test_versions_take_turns_in_the_order_asked_for(version: Version) -> None:
    to_a, from_b = os.pipe()
    to_b, from_a = os.pipe()
    with (
        WorkerProcess(version, baton=(to_a, from_a)) as one,
        WorkerProcess(version, baton=(to_b, from_b)) as other,
    ):
        for end in (to_a, from_b, to_b, from_a):
            os.close(end)
        for worker in (one, other):
            worker.open(benchmark("stream"))
        for worker, own in ((other, "B"), (one, "A")):
            worker.ask_for_batches(BatchRequest(samples=4), order="ABBAABBA", own=own)
        assert [len(worker.batches().durations_ns) for worker in (one, other)] == [4, 4]
