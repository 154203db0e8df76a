"""`configure()` turns recording on, reads back what was recorded, and never harms the program."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import latency_kit
from latency_kit.budget import BudgetPolicy, LatencyBudget, Verdict
from latency_kit.storage import read_jsonl
from latency_kit.testing import FakeClock
from latency_kit.units import ms_to_ns


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def policy() -> BudgetPolicy:
    return BudgetPolicy(
        (
            LatencyBudget(
                name="answer", component="llm", operation="generate", limit_ns=ms_to_ns(100), min_samples=2
            ),
        )
    )


@pytest.fixture
def telemetry(clock: FakeClock, policy: BudgetPolicy, tmp_path: Path) -> Iterator[latency_kit.Telemetry]:
    with latency_kit.configure(
        clock=clock, budgets=policy, jsonl=tmp_path / "performance.jsonl"
    ) as configured:
        yield configured


def generate(clock: FakeClock, *, ms: float) -> None:
    with latency_kit.measure_latency("llm", "generate", attributes={"model": "small"}):
        clock.advance(ms=ms)


def test_a_reader_sees_every_call_that_ended_before_it_asked(
    telemetry: latency_kit.Telemetry, clock: FakeClock
) -> None:
    generate(clock, ms=10)
    generate(clock, ms=30)
    (series,) = telemetry.snapshot()
    assert (series.name, series.histogram.count) == ("llm.generate", 2)
    assert (series.histogram.min_ns, series.histogram.max_ns) == (10_000_000, 30_000_000)
    assert [measured.duration_ms for measured in telemetry.recent()] == [10, 30]


def test_budgets_are_judged_and_a_call_over_its_limit_is_warned_of(
    telemetry: latency_kit.Telemetry, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="latency_kit"):
        generate(clock, ms=10)
        assert [judged.verdict for judged in telemetry.evaluate()] == [Verdict.NO_DATA]
        generate(clock, ms=350)
        assert [judged.verdict for judged in telemetry.evaluate()] == [Verdict.BREACHED]
    (warning,) = [record.getMessage() for record in caplog.records]
    for part in ("llm.generate", "350", "100", "250"):
        assert part in warning


def test_the_jsonl_file_has_exactly_the_fields_that_apply(
    telemetry: latency_kit.Telemetry, clock: FakeClock, tmp_path: Path
) -> None:
    generate(clock, ms=12.5)
    telemetry.flush()
    (line,) = (tmp_path / "performance.jsonl").read_text().splitlines()
    fields = json.loads(line)
    assert set(fields) == {"timestamp", "component", "operation", "duration_ms", "metadata"}
    assert (fields["duration_ms"], fields["metadata"]) == (12.5, {"model": "small"})
    assert len(read_jsonl(tmp_path / "performance.jsonl").records) == 1


def test_nothing_is_recorded_after_shutdown_and_what_was_recorded_can_be_read(
    telemetry: latency_kit.Telemetry, clock: FakeClock
) -> None:
    generate(clock, ms=10)
    assert telemetry.shutdown()
    generate(clock, ms=10)
    assert telemetry.snapshot()[0].histogram.count == 1
    assert telemetry.shutdown()


def test_configuring_twice_is_refused_and_configuring_again_after_shutdown_works(
    telemetry: latency_kit.Telemetry,
) -> None:
    with pytest.raises(latency_kit.ConfigurationError, match="already in force"):
        latency_kit.configure()
    telemetry.shutdown()
    with latency_kit.configure() as again:
        with latency_kit.measure_latency("a", "b"):
            pass
        assert again.snapshot()[0].histogram.count == 1


def test_spans_without_an_export_carry_trace_ids() -> None:
    pytest.importorskip("opentelemetry.sdk", reason="needs the extra otlp")
    for _ in range(2):
        with latency_kit.configure(spans=True) as telemetry:
            with latency_kit.measure_latency("a", "b") as call:
                assert call.traceparent.startswith("00-")
            (measured,) = telemetry.recent()
            assert measured.trace_id is not None
            assert f"{measured.trace_id:032x}" == call.traceparent.split("-")[1]


def run_python(program: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[3]
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_exit_without_shutdown_writes_what_was_recorded(tmp_path: Path) -> None:
    ended = run_python(
        "import latency_kit\n"
        "latency_kit.configure(jsonl='performance.jsonl', drain_interval_s=3600)\n"
        "with latency_kit.measure_latency('a', 'b'): pass\n",
        tmp_path,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(read_jsonl(tmp_path / "performance.jsonl").records) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_a_forked_child_records_its_own_calls_and_not_those_of_its_parent(tmp_path: Path) -> None:
    ended = run_python(
        "import os, warnings, latency_kit\n"
        "warnings.simplefilter('ignore')\n"  # newer Pythons warn of threads, of whomever, when forking
        "t = latency_kit.configure(jsonl='performance.jsonl', drain_interval_s=3600)\n"
        "def call(name):\n"
        "    with latency_kit.measure_latency('a', name): pass\n"
        "call('parent'); call('parent')\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    call('child')\n"
        "    assert [(s.operation, s.histogram.count) for s in t.snapshot()] == [('child', 1)]\n"
        "    t.shutdown()\n"
        "    os._exit(0)\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "assert [(s.operation, s.histogram.count) for s in t.snapshot()] == [('parent', 2)]\n",
        tmp_path,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    operations = sorted(record.operation for record in read_jsonl(tmp_path / "performance.jsonl").records)
    assert operations == ["child", "parent", "parent"]


def test_importing_the_package_loads_nothing_heavy() -> None:
    ended = run_python(
        "import sys, latency_kit\n"
        "heavy = {'numpy', 'grpc', 'pytest', 'opentelemetry.sdk', 'hdrh', 'asyncio', 'google.protobuf'}\n"
        "print(sorted(heavy & set(sys.modules)))\n",
        Path.cwd(),
    )
    assert ended.stdout == "[]\n"


def test_calls_for_the_histogram_alone_push_nothing_out_of_the_ring_and_fill_no_file(
    telemetry: latency_kit.Telemetry, clock: FakeClock, tmp_path: Path
) -> None:
    frequent = latency_kit.measure_latency("capture", "block", span=False)(lambda: clock.advance(ms=1))
    generate(clock, ms=10)
    for _ in range(3000):
        frequent()
    telemetry.flush()
    assert [measured.name for measured in telemetry.recent()] == ["llm.generate"]
    assert len(read_jsonl(tmp_path / "performance.jsonl").records) == 1
    assert {series.name: series.histogram.count for series in telemetry.snapshot()}["capture.block"] == 3000
