"""A running program's objectives and windowed budgets: told in time, and by what was counted."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latency_kit.budget import (
    AlertNotice,
    BudgetPolicy,
    BudgetWatch,
    LatencyBudget,
    NoticeKind,
    RollingWatch,
    Verdict,
    backtest,
    evaluate,
    over_limit_figures,
)
from latency_kit.budget.counting import Call
from latency_kit.errors import NoDataError
from latency_kit.histogram import Histogram
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.measurement import Measurement, Outcome
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.testing import FakeClock

S = 1_000_000_000
MINUTE = 60 * S


@pytest.fixture
def program(program_on: Callable[..., Any], clock: FakeClock) -> Any:
    return program_on(clock)


def test_an_outage_is_told_once_and_so_is_its_end(program: Any) -> None:
    program.run(900)
    assert program.said == []
    program.run(400, 2 * S)
    program.run(4000)
    keys = ["objective/answers/page", "objective/answers/breach", "budget/answer/breach"]
    assert sorted(program.said) == sorted([(key, kind) for key in keys for kind in ("fired", "recovered")])
    page = next(notice for notice in program.told if notice.alert == "page")
    assert (page.severity, page.owner, page.trace_id, page.measures) == ("page", "voice", 7, "llm.answer")
    assert page.since_unix_nano == page.at_unix_nano
    ended = next(n for n in program.told if n.alert == "page" and n.kind is NoticeKind.RECOVERED)
    assert ended.since_unix_nano == page.at_unix_nano < ended.at_unix_nano


def test_a_live_program_is_told_what_a_backtest_of_its_calls_says(program: Any) -> None:
    program.run(900)
    program.run(400, 2 * S)
    program.run(4000)
    result = backtest(program.policy, {("llm", "answer"): program.calls})
    later = {
        (notice.key, notice.kind, notice.at_unix_nano)
        for subject in result.subjects
        for episode in subject.episodes
        for notice in (episode.fired, episode.ended)
        if notice is not None
    }
    live = {(notice.key, notice.kind): notice.at_unix_nano for notice in program.told}
    assert len(later) == len(live)
    for key, kind, at in later:
        assert 0 <= live[key, kind] - at <= S


def test_without_traffic_an_alert_ends_without_data_and_not_as_a_recovery(program: Any) -> None:
    program.run(900)
    program.run(400, 2 * S)
    for _ in range(7200):
        program.clock.advance(s=1)
        program.watch.tick()
    assert ("objective/answers/page", "no_data") in program.said
    assert ("objective/answers/breach", "no_data") in program.said
    assert "recovered" not in {kind for _, kind in program.said}
    (status,) = program.watch.objectives()
    assert status.verdict is Verdict.NO_DATA
    assert status.describe() == "answers: NO_DATA, 0 of 0 events bad in 1h, 10 events needed"
    with pytest.raises(NoDataError, match="0 events in its window of 1h, 10 are needed"):
        _ = status.remaining_error_budget
    with pytest.raises(NoDataError, match="no event in the last 1m, so there is no burn rate"):
        _ = status.burns[0].burn_rate


def test_the_error_budget_and_the_burn_rates_are_ratios_of_what_is_allowed(program: Any) -> None:
    program.run(95)
    program.run(5, 2 * S)
    (status,) = program.watch.objectives()
    # 5 of 100 are bad, 10 of 100 may be; in the minute 5 of 60 or 61 are.
    assert status.remaining_error_budget == 0.5
    assert [burn.window_ns for burn in status.burns] == [MINUTE, 10 * MINUTE, 60 * MINUTE]
    assert status.burns[1].burn_rate == status.burns[2].burn_rate == 0.5
    assert status.burns[0].burn_rate == pytest.approx(5 / 60.5 / 0.1, abs=0.01)
    assert status.describe() == ("answers: MET, 50.0 % of the error budget left, 5 of 100 events bad in 1h")
    program.run(60, 2 * S)
    (status,) = program.watch.objectives()
    assert status.verdict is Verdict.BREACHED
    assert status.remaining_error_budget == pytest.approx(1 - 65 / 16)
    assert status.describe().endswith("65 of 160 events bad in 1h, alerts: breach")


def test_a_windowed_budget_is_judged_by_the_calls_in_its_window(program: Any) -> None:
    program.run(300, 3 * S)
    program.run(700, S // 2)
    (evaluation,) = program.watch.evaluate()
    recorded = [call for call in program.calls if call.at_ns >= _edge(program, 10 * MINUTE)]
    assert evaluation.count == len(recorded) in range(601, 607)
    assert evaluation.verdict is Verdict.MET
    assert evaluation.observed_ns == pytest.approx(S // 2, rel=0.001)
    program.call(5, Outcome.ERROR)
    (evaluation,) = program.watch.evaluate()
    assert (evaluation.count, evaluation.failed_count) == (len(recorded) + 1, 1)


def _edge(program: Any, window_ns: int) -> int:
    interval = window_ns // 120
    now = program.anchor.to_unix_nano(program.clock.monotonic_ns())
    # Histograms are kept in 60 intervals.
    return now // (2 * interval) * (2 * interval) - window_ns


def test_the_verdict_of_the_window_is_that_of_evaluate(program: Any) -> None:
    (budget,) = program.policy.budgets
    limit = budget.limit_ns
    for over in range(20, 40):
        program.run(1, limit + (limit // 4000 if over % 2 else limit // 10))
        for _ in range(4):
            program.run(1)
        tracker_says = [notice.kind for notice in program.told if notice.subject == "budget"]
        (evaluation,) = program.watch.evaluate()
        (judged,) = evaluate(BudgetPolicy((budget,)), [_as_series(program.calls)])
        assert evaluation.verdict is judged.verdict
        is_told = bool(tracker_says) and tracker_says[-1] is NoticeKind.FIRED
        assert is_told == (judged.verdict is Verdict.BREACHED)


def _as_series(calls: list[Call]) -> Any:
    histogram = Histogram()
    histogram.record_many([call.duration_ns for call in calls])
    return SeriesSnapshot(
        component="llm",
        operation="answer",
        outcome=Outcome.OK,
        attributes={},
        histogram=histogram.snapshot(),
        start_unix_nano=0,
        exemplars=(),
    )


def test_ticks_judge_and_store_when_it_is_due(
    program_on: Callable[..., Any], clock: FakeClock, tmp_path: Path
) -> None:
    file = tmp_path / "windows.json"
    program = program_on(clock, state_file=file)
    program.call(2 * S)
    clock.advance(s=59)
    program.watch.tick()
    assert not file.exists()
    clock.advance(s=1)
    program.watch.tick()
    assert file.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["windows.json"]


def test_a_tick_raises_nothing(program_on: Callable[..., Any], clock: FakeClock) -> None:
    def broken(_: AlertNotice) -> None:
        raise RuntimeError("sink")

    losses = Losses()
    program = program_on(clock)
    program.watch = RollingWatch(program.policy, clock=clock, tell=broken, losses=losses)
    program.run(300, 2 * S)
    assert losses.counts()["budget_judging_failed"] >= 1


def test_a_call_that_claims_to_end_in_the_future_does_not_empty_the_windows(program: Any) -> None:
    program.run(50)
    now = program.clock.monotonic_ns()
    far = now + 10**18
    program.watch(
        [
            Measurement(
                component="llm",
                operation="answer",
                start_ns=now,
                end_ns=far,
                start_unix_nano=program.anchor.to_unix_nano(now),
            )
        ]
    )
    assert program.watch.objectives()[0].events == 51


def test_calls_of_other_series_are_not_counted(program: Any) -> None:
    program.call(5, operation="other")
    assert program.watch.objectives()[0].events == 0
    assert program.watch.watched == {("llm", "answer")}


def test_figures_name_what_they_are_of(program: Any) -> None:
    names = {figure.name for figure in program.watch.figures()}
    assert names == {"latency.objective.alerts_firing", "latency.budget.breaches"}
    program.run(300, 2 * S)
    figures = program.watch.figures()
    found = {(figure.name, *figure.attributes.values()): figure for figure in figures}
    assert found["latency.objective.error_budget.remaining", "answers"].value == pytest.approx(-9)
    assert found["latency.objective.burn_rate", "answers", "1m"].value == pytest.approx(10)
    assert found["latency.objective.alerts_firing", "answers"].value == 2
    breaches = [figure for figure in figures if figure.name == "latency.budget.breaches"]
    assert [(dict(figure.attributes), figure.value) for figure in breaches] == [
        ({"latency.objective.name": "answers"}, 1),
        ({"latency.budget.name": "answer"}, 1),
    ]
    assert {figure.start_unix_nano for figure in breaches} == {1_767_225_600 * S}
    levels = [figure for figure in figures if figure.name != "latency.budget.breaches"]
    assert {figure.start_unix_nano for figure in levels} == {None}


def test_calls_over_a_limit_are_a_running_total_by_budget(
    measurement: Callable[..., Measurement], budget: Callable[..., LatencyBudget]
) -> None:
    logging.getLogger("latency_kit.budget").setLevel(logging.ERROR)
    try:
        watch = BudgetWatch(BudgetPolicy((budget("answer", 1000),)))
        watch([measurement(2 * S), measurement(S // 2)])
    finally:
        logging.getLogger("latency_kit.budget").setLevel(logging.NOTSET)
    (figure,) = over_limit_figures(watch.over_limit, start_unix_nano=5)
    assert (figure.name, figure.value, figure.start_unix_nano) == ("latency.budget.calls_over_limit", 1, 5)
    assert figure.attributes == {"latency.budget.name": "answer"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_windows_of_its_own_and_leaves_the_file_to_its_parent(
    program_on: Callable[..., Any], clock: FakeClock, tmp_path: Path
) -> None:
    program = program_on(clock, state_file=tmp_path / "windows.json")
    program.run(20)
    child = os.fork()
    if child == 0:
        program.watch.renew_after_fork()
        is_well = program.watch.objectives()[0].events == 0 and program.watch.save()
        is_well = is_well and not (tmp_path / "windows.json").exists()
        sys.stdout.flush()
        os._exit(0 if is_well else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert program.watch.objectives()[0].events == 20
