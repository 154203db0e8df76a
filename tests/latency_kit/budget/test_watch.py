import logging
from collections.abc import Callable

import pytest

from latency_kit.budget import BudgetPolicy, BudgetWatch, LatencyBudget
from latency_kit.errors import UsageError
from latency_kit.measurement.measurement import Measurement, Outcome
from latency_kit.testing import FakeClock

BuildBudget = Callable[..., LatencyBudget]
BuildMeasurement = Callable[..., Measurement]


MS = 1_000_000
S = 1_000_000_000


@pytest.fixture
def watch(budget: BuildBudget, clock: FakeClock) -> BudgetWatch:
    return BudgetWatch(BudgetPolicy([budget("answer", 3000)]), burst=2, interval_ns=S, clock=clock)


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_call_over_its_limit_logs_one_warning_with_name_time_excess_and_limit(
    budget: BuildBudget,
    measurement: BuildMeasurement,
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = BudgetWatch(BudgetPolicy([budget("answer", 3000, operation="generate")]))
    watch.observe(measurement(5123 * MS, operation="generate"))
    assert messages(caplog) == ["llm.generate took 5123.0 ms, 2123.0 ms over its budget 'answer' of 3000 ms"]
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("latency_kit.budget", logging.WARNING)
    assert (record.budget, record.component, record.operation) == ("answer", "llm", "generate")
    assert (record.duration_ns, record.limit_ns) == (5123 * MS, 3000 * MS)
    assert dict(watch.over_limit) == {"answer": 1}


def test_calls_within_the_limit_and_of_other_series_are_silent(
    watch: BudgetWatch, measurement: BuildMeasurement, caplog: pytest.LogCaptureFixture
) -> None:
    watch([measurement(3000 * MS), measurement(9000 * MS, operation="other"), measurement(0)])
    assert messages(caplog) == []
    assert dict(watch.over_limit) == {"answer": 0}


def test_each_call_over_its_limit_is_told_and_counted_by_budget(
    budget: BuildBudget,
    measurement: BuildMeasurement,
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = BudgetWatch(BudgetPolicy([budget("answer", 10), budget("frame", 16), budget("idle", 5)]))
    watch([measurement(11 * MS), measurement(17 * MS, operation="frame"), measurement(12 * MS)])
    assert len(messages(caplog)) == 3
    assert dict(watch.over_limit) == {"answer": 2, "frame": 1, "idle": 0}


def test_of_two_budgets_on_one_series_both_count_and_the_tightest_is_told(
    budget: BuildBudget,
    measurement: BuildMeasurement,
    caplog: pytest.LogCaptureFixture,
) -> None:
    wide, tight = budget("p99", 30, operation="x", percentile=99), budget("p95", 10, operation="x")
    watch = BudgetWatch(BudgetPolicy([wide, tight]))
    watch([measurement(20 * MS, operation="x"), measurement(40 * MS, operation="x")])
    assert dict(watch.over_limit) == {"p99": 1, "p95": 2}
    assert [record.budget for record in caplog.records] == ["p95", "p95"]
    assert watch.limit_for("llm", "x") == 10 * MS


def test_limits_are_looked_up_by_component_and_operation(watch: BudgetWatch) -> None:
    assert watch.limit_for("llm", "answer") == 3000 * MS
    assert watch.limit_for("llm", "other") is None
    assert dict(watch.limits_ns) == {("llm", "answer"): 3000 * MS}


@pytest.mark.parametrize(
    ("excess_ns", "text"),
    [
        (MS, "took 3001.0 ms, 1.0 ms over"),
        (150_000, "took 3000.2 ms, 0.1 ms over"),
        (40_000, "took 3000.040 ms, 0.040 ms over"),
        (1, "took 3000.000001 ms, 0.000001 ms over"),
    ],
)
def test_the_smallest_excess_is_still_shown_as_more_than_nothing(
    watch: BudgetWatch,
    measurement: BuildMeasurement,
    caplog: pytest.LogCaptureFixture,
    excess_ns: int,
    text: str,
) -> None:
    watch.observe(measurement(3000 * MS + excess_ns))
    assert text in messages(caplog)[0]


def test_a_call_that_did_not_end_well_says_so_and_a_traced_one_names_its_trace(
    watch: BudgetWatch, measurement: BuildMeasurement, caplog: pytest.LogCaptureFixture
) -> None:
    watch.observe(measurement(4000 * MS, outcome=Outcome.CANCELLED, trace_id=0xABC, span_id=1))
    assert messages(caplog) == [
        (
            "llm.answer (cancelled) took 4000.0 ms, 1000.0 ms over its budget 'answer' of 3000 ms "
            "[trace 00000000000000000000000000000abc]"
        )
    ]


def test_a_failed_call_within_the_limit_is_not_over_it(
    watch: BudgetWatch, measurement: BuildMeasurement, caplog: pytest.LogCaptureFixture
) -> None:
    watch.observe(measurement(1, outcome=Outcome.ERROR, error="ValueError"))
    assert messages(caplog) == []


# --- not flooding the log -------------------------------------------------------------------------


def test_after_a_burst_warnings_come_one_each_interval_and_say_how_many_were_left_out(
    watch: BudgetWatch,
    clock: FakeClock,
    measurement: BuildMeasurement,
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow = measurement(4000 * MS)
    watch([slow] * 10)
    assert len(messages(caplog)) == 2
    assert (watch.over_limit["answer"], watch.unlogged) == (10, 8)
    clock.advance(ns=S - 1)
    watch.observe(slow)
    assert len(messages(caplog)) == 2
    clock.advance(ns=1)
    watch([slow, slow])
    assert len(messages(caplog)) == 3
    assert messages(caplog)[2].endswith("(9 more since the last warning were not logged)")
    assert (watch.over_limit["answer"], watch.unlogged) == (13, 10)


def test_a_quiet_time_gives_the_whole_burst_back_but_no_more(
    watch: BudgetWatch,
    clock: FakeClock,
    measurement: BuildMeasurement,
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow = measurement(4000 * MS)
    watch([slow] * 2)
    clock.advance(s=3600)
    watch([slow] * 10)
    assert len(messages(caplog)) == 4


def test_a_flood_of_one_budget_does_not_silence_another(
    budget: BuildBudget,
    clock: FakeClock,
    measurement: BuildMeasurement,
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = BudgetWatch(BudgetPolicy([budget("answer", 1), budget("frame", 1)]), burst=1, clock=clock)
    watch([measurement(2 * MS)] * 100 + [measurement(2 * MS, operation="frame")])
    assert [record.budget for record in caplog.records] == ["answer", "frame"]


def test_at_the_end_what_was_left_out_is_told_once(
    watch: BudgetWatch, measurement: BuildMeasurement, caplog: pytest.LogCaptureFixture
) -> None:
    watch([measurement(4000 * MS)] * 5)
    watch.tell_unlogged()
    watch.tell_unlogged()
    assert messages(caplog)[2:] == ["3 more measurements over budget 'answer' were not logged"]
    assert watch.unlogged == 3


def test_by_default_sixty_warnings_may_come_at_once(
    budget: BuildBudget,
    clock: FakeClock,
    measurement: BuildMeasurement,
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = BudgetWatch(BudgetPolicy([budget("answer", 1)]), clock=clock)
    watch([measurement(2 * MS)] * 61)
    assert len(messages(caplog)) == 60


def test_a_log_that_fails_is_counted_and_no_harm(watch: BudgetWatch, measurement: BuildMeasurement) -> None:
    class Broken(logging.Filter):
        def filter(self, record: logging.LogRecord) -> None:
            raise RuntimeError("no")

    broken = Broken()
    logging.getLogger("latency_kit.budget").addFilter(broken)
    try:
        watch.observe(measurement(4000 * MS))
    finally:
        logging.getLogger("latency_kit.budget").removeFilter(broken)
    assert watch.failed_warnings == 1
    assert watch.over_limit["answer"] == 1


@pytest.mark.parametrize("options", [{"burst": -1}, {"interval_ns": 0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        BudgetWatch(BudgetPolicy(), **options)
