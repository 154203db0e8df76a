"""A configured program follows its objectives: they are read, told, exported and kept over a restart."""

import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs the extra otlp")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import latency_kit
from latency_kit.budget import (
    AlertNotice,
    BudgetPolicy,
    BudgetWatch,
    BurnRateAlert,
    LatencyBudget,
    Objective,
    Verdict,
    window_ns,
)
from latency_kit.clock import WallAnchor
from latency_kit.configuration.exports import _collected
from latency_kit.configuration.objectives_part import build_objectives_part
from latency_kit.configuration.parts import WatchFigures
from latency_kit.measurement.active import active
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.recording import Recording
from latency_kit.measurement.spans import SpanMaker
from latency_kit.testing import FakeClock
from latency_kit.units import ms_to_ns

OBJECTIVE = Objective(
    name="answers",
    component="llm",
    operation="generate",
    threshold_ns=ms_to_ns(100),
    target=0.9,
    window_ns=window_ns("1h"),
    min_events=5,
    alerts=(
        BurnRateAlert(
            name="page", long_window_ns=window_ns("10m"), short_window_ns=window_ns("1m"), burn_rate=5
        ),
    ),
)
POLICY = BudgetPolicy(
    (
        LatencyBudget(
            name="answer",
            component="llm",
            operation="generate",
            limit_ns=ms_to_ns(100),
            min_samples=5,
            window_ns=window_ns("10m"),
        ),
    ),
    (OBJECTIVE,),
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def generate(clock: FakeClock, *, ms: float, times: int = 1) -> None:
    for _ in range(times):
        with latency_kit.measure_latency("llm", "generate"):
            clock.advance(ms=ms)
        with latency_kit.measure_latency("llm", "other"):
            clock.advance(ms=ms)


def test_objectives_and_windows_are_judged_at_any_moment(clock: FakeClock) -> None:
    with latency_kit.configure(clock=clock, budgets=POLICY, alerts=()) as telemetry:
        generate(clock, ms=50, times=19)
        generate(clock, ms=200)
        (status,) = telemetry.objectives()
        assert (status.events, status.bad) == (20, 1)
        assert status.remaining_error_budget == 0.5
        (windowed,) = telemetry.evaluate_windows()
        assert (windowed.count, windowed.over_limit_count, windowed.verdict) == (20, 1, Verdict.MET)
        clock.advance(s=700)
        generate(clock, ms=50, times=5)
        (windowed,) = telemetry.evaluate_windows()
        assert windowed.count == 5
        (whole,) = telemetry.evaluate()
        assert whole.count == 25


def test_alerts_are_told_to_whom_the_program_names(clock: FakeClock) -> None:
    told: list[AlertNotice] = []
    with latency_kit.configure(clock=clock, budgets=POLICY, alerts=[told.append]) as telemetry:
        generate(clock, ms=200, times=10)
        assert telemetry.flush()
        keys = {notice.key for notice in told}
        assert keys == {"objective/answers/page", "objective/answers/breach", "budget/answer/breach"}
        assert telemetry.flush()
        assert len(told) == 3
        assert telemetry.losses() == {}


def test_by_default_the_log_and_the_trace_of_the_call_are_told(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    caplog.set_level(logging.WARNING, "latency_kit.budget")
    with latency_kit.configure(clock=clock, budgets=POLICY) as telemetry:
        active.span_maker = SpanMaker.of_provider(provider)
        generate(clock, ms=200, times=10)
        assert telemetry.flush()
        active.span_maker = None
    spans = exporter.get_finished_spans()
    calls = {span.context.trace_id: span for span in spans if span.name == "llm.generate"}
    told = [span for span in spans if span.name == "latency_kit.budget.alert"]
    assert len(told) == 3
    for span in told:
        assert span.parent is not None
        assert span.parent.span_id == calls[span.context.trace_id].context.span_id
    assert sum("burns its error budget too fast" in record.message for record in caplog.records) == 1


def test_windows_outlive_the_process_in_their_file(clock: FakeClock, tmp_path: Path) -> None:
    options: dict[str, Any] = {"budgets": POLICY, "budget_state": tmp_path / "windows.json", "alerts": ()}
    with latency_kit.configure(clock=clock, **options):
        generate(clock, ms=200, times=10)
    later = FakeClock(unix_nano=clock.unix_nano() + ms_to_ns(60_000))
    with latency_kit.configure(clock=later, **options) as telemetry:
        generate(later, ms=50, times=10)
        (status,) = telemetry.objectives()
        assert (status.events, status.bad) == (20, 10)
        assert telemetry.losses() == {}


def test_figures_are_collected_with_the_metrics(clock: FakeClock) -> None:
    recording = Recording(anchor=WallAnchor.take(clock), losses=Losses())
    part = build_objectives_part(
        POLICY,
        recording,
        anchor=WallAnchor.take(clock),
        clock=clock,
        losses=Losses(),
        sinks=(),
        state_file=None,
    )
    collected = _collected(recording, Losses(), [part.figures, WatchFigures(BudgetWatch(POLICY), recording)])
    names = [number.name for number in collected.numbers]
    assert "latency.objective.alerts_firing" in names
    breaches = [number for number in collected.numbers if number.name == "latency.budget.breaches"]
    assert [number.value for number in breaches] == [0, 0]
    assert all(number.start_unix_nano is not None for number in breaches)
    (over,) = [number for number in collected.numbers if number.name == "latency.budget.calls_over_limit"]
    assert (over.value, dict(over.attributes)) == (0, {"latency.budget.name": "answer"})


def test_a_policy_without_windows_loads_none_of_it() -> None:
    code = """
        import sys
        import latency_kit
        from latency_kit.budget import BudgetPolicy, LatencyBudget
        plain = LatencyBudget(name="a", component="b", operation="c", limit_ns=5)
        with latency_kit.configure(budgets=BudgetPolicy((plain,))) as telemetry:
            assert telemetry.objectives() == telemetry.evaluate_windows() == ()
        unwanted = {"latency_kit.budget.rolling_watch", "latency_kit.budget.webhook", "urllib.request"}
        assert not unwanted & set(sys.modules), unwanted & set(sys.modules)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": str(Path(latency_kit.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
