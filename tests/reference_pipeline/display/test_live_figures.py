"""The live figures are those of the histograms and budgets, exactly; they say nothing of what was said."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import latency_kit
from latency_kit.budget import BudgetPolicy, BurnRateAlert, LatencyBudget, Objective
from latency_kit.measurement import Outcome
from reference_pipeline.display.figures_feed import feed_figures, figures_of
from reference_pipeline.events import DisplayMessage, MessageKind

MS = 1_000_000
Run = Callable[..., Any]
Make = Callable[..., DisplayMessage]

WHOLE = LatencyBudget(
    name="end_to_end",
    component="turn",
    operation="end_to_end",
    limit_ns=4_000 * MS,
    percentile=90,
    min_samples=10,
)
ANSWERS = Objective(
    name="answers_in_time",
    component="turn",
    operation="end_to_end",
    threshold_ns=4_000 * MS,
    target=0.8,
    window_ns=3_600_000 * MS,
    min_events=10,
    alerts=(
        BurnRateAlert(name="page", long_window_ns=600_000 * MS, short_window_ns=60_000 * MS, burn_rate=2),
    ),
)


@pytest.fixture
def telemetry() -> Iterator[latency_kit.Telemetry]:
    with latency_kit.configure(
        budgets=BudgetPolicy((WHOLE,), (ANSWERS,)), in_flight=True, alerts=[lambda notice: None]
    ) as configured:
        yield configured


def turns(*durations_ms: int, outcome: Outcome = Outcome.OK) -> None:
    for duration_ms in durations_ms:
        end_ns = latency_kit.now_ns()
        latency_kit.record(
            "turn",
            "end_to_end",
            start_ns=end_ns - duration_ms * MS,
            end_ns=end_ns,
            outcome=outcome,
            span=False,
        )


def figures(telemetry: latency_kit.Telemetry) -> dict[str, Any]:
    frame = json.loads(figures_of(telemetry))
    assert frame["type"] == "figures"
    shown: dict[str, Any] = frame["figures"]
    return shown


def test_percentiles_are_over_all_turns_failed_ones_among_them(telemetry: latency_kit.Telemetry) -> None:
    turns(*range(100, 1_000, 100))
    turns(5_000, outcome=Outcome.ERROR)
    (whole,) = figures(telemetry)["percentiles"]
    assert (whole["name"], whole["count"], whole["limit_ms"]) == ("turn.end_to_end", 10, 4_000)
    assert whole["p50_ms"] == pytest.approx(500, rel=0.001)
    assert whole["p95_ms"] == whole["p99_ms"] == pytest.approx(5_000, rel=0.001)


def test_a_burn_rate_is_the_share_over_the_limit_against_the_share_allowed(
    telemetry: latency_kit.Telemetry,
) -> None:
    turns(*[100] * 8, 4_100, 4_200)
    shown = figures(telemetry)
    (budget,) = shown["budgets"]
    assert (budget["name"], budget["verdict"], budget["over"]) == ("end_to_end", "BREACHED", 2)
    assert budget["burn_rate"] == pytest.approx(2.0)  # a fifth is over, a tenth may be
    (objective,) = shown["objectives"]
    assert {burn["burn_rate"] for burn in objective["burns"]} == {1.0}  # a fifth may be
    assert objective["remaining_error_budget"] == pytest.approx(0.0)


def test_what_has_no_data_is_absent(telemetry: latency_kit.Telemetry) -> None:
    shown = figures(telemetry)
    assert (shown["percentiles"], shown["in_flight"]) == ([], [])
    (budget,) = shown["budgets"]
    assert budget["verdict"] == "NO_DATA"
    assert not {"observed_ms", "burn_rate"} & budget.keys()
    assert "remaining_error_budget" not in shown["objectives"][0]


def test_calls_in_flight_are_listed_by_name_without_the_turns_around_them(
    telemetry: latency_kit.Telemetry,
) -> None:
    with (
        latency_kit.measure_latency("turn", "end_to_end"),
        latency_kit.measure_latency("answering", "answer"),
        latency_kit.measure_latency("answering", "ollama_cloud"),
        latency_kit.measure_latency("answering", "ollama_cloud"),
    ):
        listed = figures(telemetry)["in_flight"]
    assert [(call["name"], call["count"]) for call in listed] == [
        ("answering.answer", 1),
        ("answering.ollama_cloud", 2),
    ]
    assert figures(telemetry)["in_flight"] == []


def test_figures_come_to_who_watches_and_to_who_comes_later(
    run: Run, theatre: SimpleNamespace, telemetry: latency_kit.Telemetry
) -> None:
    turns(100)

    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            async with (
                feed_figures(stage.sessions, telemetry, every_s=0.01),
                theatre.open_page(stage.server) as page,
            ):
                await page.until(lambda it: bool(it.figures))
            async with theatre.open_page(stage.server) as late:
                await late.until(lambda it: bool(it.figures))
                assert late.figures == page.figures
                assert late.messages == []

    run(scenario())


def test_nothing_is_read_while_nobody_watches_and_a_failure_to_read_ends_nothing(
    run: Run, theatre: SimpleNamespace, message: Make, caplog: pytest.LogCaptureFixture
) -> None:
    read = threading.Event()

    class Broken:
        def snapshot(self) -> Any:
            read.set()
            raise ValueError("no figures")

    async def scenario() -> None:
        telemetry: Any = Broken()
        async with theatre.open_stage() as stage, feed_figures(stage.sessions, telemetry, every_s=0.001):
            for _ in range(50):
                await asyncio.sleep(0.001)
            assert not read.is_set()
            async with theatre.open_page(stage.server) as page:
                await asyncio.to_thread(read.wait)
                await stage.display.show(message(MessageKind.QUESTION, "what"))
                assert page.texts == ["what"]

    run(scenario())
    assert "the page goes without them" in caplog.text
