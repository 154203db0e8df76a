"""Objectives and their alerts, in Python and in the policy file."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from latency_kit.budget import (
    WORKBOOK_ALERTS,
    BudgetPolicy,
    BurnRateAlert,
    FailureRule,
    LatencyBudget,
    Objective,
    load_policy,
    parse_policy,
    window_ns,
)
from latency_kit.errors import PolicyError, UsageError

MS = 1_000_000


def objective(**fields: Any) -> Objective:
    given = {"name": "answers", "component": "llm", "operation": "generate", "threshold_ns": 2000 * MS}
    return Objective(**(given | {"target": 0.99} | fields))


def alert(**fields: Any) -> BurnRateAlert:
    given = {"name": "page", "long_window_ns": window_ns("1h"), "short_window_ns": window_ns("5m")}
    return BurnRateAlert(**(given | {"burn_rate": 14.4} | fields))


def mistakes_of(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    return list(caught.value.mistakes)


POLICY = """
[alerts.shared]
long_window = "1h"
short_window = "5m"
burn_rate = 5

[budgets.answer]
measures = "llm.generate"
limit_ms = 3000
window = "1h"
strict = true

[objectives.own]
measures = { component = "llm.large", operation = "generate" }
threshold_ms = 2000
target = 0.999
window = "28d"
min_events = 50
failures = "by_duration"
description = "Answers come in time."
owner = "voice"

[objectives.own.alerts.page]
long_window = "1h"
short_window = "5m"
burn_rate = 13.44
severity = "wake somebody"

[objectives.shares]
measures = "llm.generate"
threshold_ms = 0.5
target = 0.9

[objectives.none]
measures = "llm.generate"
threshold_ms = 1
target = 0.5
alerts = {}
"""

IN_PYTHON = BudgetPolicy(
    (
        LatencyBudget(
            name="answer",
            component="llm",
            operation="generate",
            limit_ns=3000 * MS,
            window_ns=window_ns("1h"),
            strict=True,
        ),
    ),
    (
        Objective(
            name="own",
            component="llm.large",
            operation="generate",
            threshold_ns=2000 * MS,
            target=0.999,
            window_ns=window_ns("28d"),
            min_events=50,
            failures=FailureRule.BY_DURATION,
            description="Answers come in time.",
            owner="voice",
            alerts=(alert(burn_rate=13.44, severity="wake somebody"),),
        ),
        Objective(
            name="shares",
            component="llm",
            operation="generate",
            threshold_ns=MS // 2,
            target=0.9,
            alerts=(alert(name="shared", burn_rate=5),),
        ),
        Objective(name="none", component="llm", operation="generate", threshold_ns=MS, target=0.5, alerts=()),
    ),
)


def test_a_file_gives_the_same_frozen_objects_as_python(tmp_path: Path) -> None:
    file = tmp_path / "budgets.toml"
    file.write_text(POLICY)
    assert load_policy(file) == IN_PYTHON
    project = tmp_path / "pyproject.toml"
    headers = ("budgets", "objectives", "alerts")
    text = POLICY
    for header in headers:
        text = text.replace(f"[{header}.", f"[tool.latency_kit.{header}.")
    project.write_text(text)
    assert load_policy(project) == IN_PYTHON


def test_a_file_may_hold_objectives_alone() -> None:
    (only,) = parse_policy('[objectives.a]\nmeasures = "x.y"\nthreshold_ms = 5\ntarget = 0.99').objectives
    assert only == Objective(name="a", component="x", operation="y", threshold_ns=5 * MS, target=0.99)


def test_the_default_alerts_are_those_of_the_workbook_with_their_shares_of_the_budget() -> None:
    assert objective().alerts is WORKBOOK_ALERTS
    shares = [
        Fraction(str(one.burn_rate)) * Fraction(one.long_window_ns, window_ns("30d"))
        for one in WORKBOOK_ALERTS
    ]
    assert shares == [Fraction(2, 100), Fraction(5, 100), Fraction(10, 100)]
    windows = [(one.long_window_ns, one.short_window_ns) for one in WORKBOOK_ALERTS]
    assert windows == [
        (window_ns(long), window_ns(short)) for long, short in (("1h", "5m"), ("6h", "30m"), ("3d", "6h"))
    ]


def test_the_default_alerts_keep_their_shares_in_another_window() -> None:
    week = objective(window_ns=window_ns("7d"))
    shares = [
        Fraction(str(one.burn_rate)) * Fraction(one.long_window_ns, week.window_ns) for one in week.alerts
    ]
    assert shares == [Fraction(2, 100), Fraction(5, 100), Fraction(10, 100)]
    assert objective(window_ns=window_ns("10m")).alerts[-1].long_window_ns == window_ns("1m")


def test_the_fewest_events_are_those_whose_error_budget_is_one_event() -> None:
    assert [objective(target=target).min_events for target in (0.99, 0.999, 0.995)] == [100, 1000, 200]
    assert objective(target=0.97).min_events == 34
    assert objective(min_events=7).min_events == 7


@pytest.mark.parametrize(
    ("target", "rate", "fires"),
    [
        (0.9, 14.4, False),
        (0.9, 10, False),
        (0.9, 9.999, True),
        (0.99, 100, False),
        (0.99, 99.9, True),
        (0.93, 14.4, False),
        (0.94, 14.4, True),
    ],
)
def test_an_alert_that_can_never_fire_is_refused(target: float, rate: float, fires: bool) -> None:
    if fires:
        assert objective(target=target, alerts=[alert(burn_rate=rate)]).alerts[0].burn_rate == rate
        return
    with pytest.raises(UsageError, match=rf"alert 'page': burn rate {rate:g} can never fire on a target of "):
        objective(target=target, alerts=[alert(burn_rate=rate)])


def test_the_refusal_says_how_fast_it_can_burn() -> None:
    with pytest.raises(UsageError) as caught:
        objective(target=0.9, alerts=[alert()])
    assert str(caught.value) == (
        "objective 'answers': alert 'page': burn rate 14.4 can never fire on a target of 0.9: "
        "with every event bad the burn rate is 1 / (1 - 0.9) = 10, and an alert fires above its rate; "
        "lower the burn rate or raise the target"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": 1}, "target must be a ratio greater than 0 and less than 1"),
        ({"target": 99.9}, "got 99.9; for 99.9 % write 0.999"),
        ({"target": "high"}, "target must be a number"),
        ({"target": float("nan")}, "target must be a ratio"),
        ({"threshold_ns": 0}, "threshold_ns must be greater than 0 ms"),
        ({"window_ns": 5}, "window_ns must be from 1s to 366d"),
        ({"min_events": -1}, "min_events must be at least 1"),
        ({"name": "a.b"}, "name must be a non-empty name without dots"),
        ({"component": ""}, "component must be a non-empty string"),
        ({"failures": "never"}, "failures must be 'over_limit' or 'by_duration'"),
        ({"alerts": [3]}, "alerts must be BurnRateAlert objects, got int"),
        ({"alerts": [alert(), alert()]}, "two alerts are named 'page'"),
        ({"window_ns": window_ns("30m"), "alerts": [alert()]}, "the long window of 1h is longer than"),
        ({"owner": 5}, "owner must be a string"),
    ],
)
def test_bad_objectives_are_refused_with_what_is_wrong(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        objective(**fields)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"short_window_ns": window_ns("1h")},
            "short_window_ns 1h must be shorter than the long",
        ),
        ({"burn_rate": 0}, "burn_rate must be greater than 0"),
        ({"burn_rate": float("inf")}, "burn_rate must be greater than 0 and finite"),
        ({"burn_rate": True}, "burn_rate must be a number"),
        ({"severity": ""}, "severity must be a word"),
        ({"long_window_ns": 1.5}, "long_window_ns must be a whole number of nanoseconds"),
        ({"name": "breach"}, "name must not be 'breach', which every objective has already"),
    ],
)
def test_bad_alerts_are_refused_with_what_is_wrong(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        alert(**fields)
    assert message in str(caught.value)


def test_objectives_of_one_policy_have_different_names() -> None:
    with pytest.raises(UsageError, match="two objectives are named 'answers'"):
        BudgetPolicy((), (objective(), objective()))
    with pytest.raises(UsageError, match="a policy's objectives are Objective objects, got int"):
        BudgetPolicy((), (5,))  # type: ignore[arg-type]


def test_a_budgets_window_and_strictness_are_checked() -> None:
    given = {"name": "a", "component": "x", "operation": "y", "limit_ns": MS}
    with pytest.raises(UsageError, match="budget 'a': window_ns must be from 1s to 366d"):
        LatencyBudget(**given, window_ns=5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="budget 'a': strict must be True or False, got 1"):
        LatencyBudget(**given, strict=1)  # type: ignore[arg-type]


def test_every_mistake_is_reported_at_once_with_key_and_line() -> None:
    text = """\
[alerts.fast]
long_window = "1h"
short_window = "2h"
burn_rate = -1
[alerts.breach]
long_window = "3h"
short_window = "1h"
burn_rate = 2
[alerts.slow]
long_window = "1h"
short_window = "5m"
burn_rate = 14.4
[objectives.one]
measures = "llm"
threshold_ms = 5
target = 99
goal = 3
[objectives.two]
measures = "llm.generate"
threshold_ms = 0
target = 0.9
window = 30
min_events = 0
failures = "no"
[objectives.three]
measures = "llm.generate"
threshold_ms = 5
target = 0.9
[objectives.four]
target = 0.99
window = "1h"
[objectives.four.alerts]
odd = 3
[objectives.four.alerts.long]
long_window = "2h"
severity = " "
[budgets.b]
measures = "llm.generate"
limit_ms = 5
window = "5x"
strict = 1
"""
    assert mistakes_of(text) == [
        "alerts.fast.short_window (line 3): 2h must be shorter than the long window of 1h",
        "alerts.fast.burn_rate (line 4): must be greater than 0 and finite, got -1",
        "alerts.breach (line 5): must not be 'breach', which every objective has already",
        (
            "alerts.slow.burn_rate (line 12): for objectives.three: burn rate 14.4 can never fire on a "
            "target of 0.9: with every event bad the burn rate is 1 / (1 - 0.9) = 10, and an alert fires "
            "above its rate; lower the burn rate or raise the target"
        ),
        (
            'objectives.one.measures (line 14): must be "component.operation", such as "llm.generate", got '
            '\'llm\'; for names that hold dots write { component = "...", operation = "..." }'
        ),
        (
            "objectives.one.target (line 16): must be a ratio greater than 0 and less than 1, such as 0.99, "
            "got 99; for 99 % write 0.99"
        ),
        (
            "objectives.one.goal (line 17): is not a known key; known here: measures, threshold_ms, target, "
            "window, min_events, failures, alerts, description, owner"
        ),
        "objectives.two.threshold_ms (line 20): must be greater than 0 ms, got 0 ms",
        'objectives.two.window (line 22): must be a string such as "5m", "1h" or "30d", got the integer 30',
        "objectives.two.min_events (line 23): must be at least 1, got 0",
        ('objectives.two.failures (line 24): must be "over_limit" or "by_duration", got the string \'no\''),
        "objectives.four.measures (line 29): is missing",
        "objectives.four.threshold_ms (line 29): is missing",
        (
            "objectives.four.alerts.odd (line 33): must be a table with long_window, short_window and "
            "burn_rate, got the integer 3"
        ),
        "objectives.four.alerts.long.short_window (line 34): is missing",
        "objectives.four.alerts.long.burn_rate (line 34): is missing",
        (
            "objectives.four.alerts.long.severity (line 36): "
            'must be a word such as "page" or "ticket", got \' \''
        ),
        (
            'budgets.b.window (line 40): must be a text such as "5m", "1h" or "30d" (units s, m, h, d, w), '
            "got '5x'"
        ),
        "budgets.b.strict (line 41): must be true or false, got the integer 1",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("objectives = 5", "objectives (line 1): must be a table of objectives, got the integer 5"),
        (
            "[objectives]",
            "objectives (line 1): holds no objective; write a table such as [objectives.answer]",
        ),
        (
            "[objectives]\na = 5",
            (
                "objectives.a (line 2): must be a table with measures, threshold_ms and target, "
                "got the integer 5"
            ),
        ),
        (
            "alerts = []\n[objectives.a]\nmeasures = 'x.y'\nthreshold_ms = 5\ntarget = 0.9",
            "alerts (line 1): must be a table of alerts, each with a name, got the array []",
        ),
    ],
)
def test_a_file_of_another_shape_is_one_mistake_with_its_place(text: str, mistake: str) -> None:
    assert mistakes_of(text) == [mistake]
