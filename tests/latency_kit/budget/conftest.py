"""Budgets, series of exact durations, and measurements with chosen values, for the tests of budgets."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from latency_kit.budget import (
    AlertNotice,
    BudgetPolicy,
    BurnRateAlert,
    Call,
    LatencyBudget,
    Objective,
    RollingWatch,
)
from latency_kit.clock import WallAnchor
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.measurement import Measurement, Outcome
from latency_kit.testing import FakeClock

NS_PER_MS = 1_000_000
S = 1_000_000_000
MINUTE = 60 * S


@pytest.fixture
def budget() -> Callable[..., LatencyBudget]:
    def build(name: str = "answer", limit_ms: int = 3000, **fields: Any) -> LatencyBudget:
        given = {"component": "llm", "operation": name} | fields
        return LatencyBudget(name=name, limit_ns=limit_ms * NS_PER_MS, **given)

    return build


@dataclass(frozen=True)
class ExactDurations:
    """Durations that are kept one by one: the truth that a histogram is near to."""

    values_ns: tuple[int, ...]

    @property
    def count(self) -> int:
        return len(self.values_ns)

    @property
    def max_ns(self) -> int:
        return max(self.values_ns)

    def value_at_percentile(self, percentile: float) -> int:
        rank = max(1, math.ceil(percentile * self.count / 100))
        return sorted(self.values_ns)[rank - 1]

    def count_at_or_below(self, value_ns: int) -> int:
        return sum(value <= value_ns for value in self.values_ns)


@dataclass(frozen=True)
class ExactSeries:
    component: str
    operation: str
    outcome: Outcome
    histogram: ExactDurations


@pytest.fixture
def series() -> Callable[..., ExactSeries]:
    def build(
        values_ns: Any, outcome: Outcome = Outcome.OK, component: str = "llm", operation: str = "answer"
    ) -> ExactSeries:
        return ExactSeries(component, operation, outcome, ExactDurations(tuple(values_ns)))

    return build


@pytest.fixture
def measurement() -> Callable[..., Measurement]:
    def build(
        duration_ns: int, component: str = "llm", operation: str = "answer", **fields: Any
    ) -> Measurement:
        return Measurement(
            component=component,
            operation=operation,
            start_ns=1_000,
            end_ns=1_000 + duration_ns,
            start_unix_nano=1_738_324_800_000_000_000,
            **fields,
        )

    return build


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


OBJECTIVE = Objective(
    name="answers",
    component="llm",
    operation="answer",
    threshold_ns=S,
    target=0.9,
    window_ns=60 * MINUTE,
    min_events=10,
    alerts=(BurnRateAlert(name="page", long_window_ns=10 * MINUTE, short_window_ns=MINUTE, burn_rate=5),),
    owner="voice",
)
BUDGET = LatencyBudget(
    name="answer", component="llm", operation="answer", limit_ns=S, percentile=90, window_ns=10 * MINUTE
)
POLICY = BudgetPolicy((BUDGET,), (OBJECTIVE,))


class Program:
    """A measured program on a fake clock: each call ends now."""

    def __init__(self, clock: FakeClock, policy: BudgetPolicy = POLICY, **options: Any) -> None:
        self.clock = clock
        self.policy = policy
        self.told: list[AlertNotice] = []
        self.losses = Losses()
        self.anchor = WallAnchor.take(clock)
        self.watch = RollingWatch(
            policy, anchor=self.anchor, clock=clock, tell=self.told.append, losses=self.losses, **options
        )
        self.calls: list[Call] = []

    def call(self, duration_ns: int, outcome: Outcome = Outcome.OK, *, operation: str = "answer") -> None:
        end_ns = self.clock.monotonic_ns()
        measurement = Measurement(
            component="llm",
            operation=operation,
            start_ns=end_ns - duration_ns,
            end_ns=end_ns,
            start_unix_nano=self.anchor.to_unix_nano(end_ns - duration_ns),
            outcome=outcome,
            trace_id=7,
            span_id=end_ns,
        )
        self.watch([measurement])
        self.calls.append(
            Call(measurement.end_unix_nano, duration_ns, outcome is Outcome.OK, 7, end_ns),
        )

    def run(self, seconds: int, duration_ns: int = S // 2) -> None:
        for _ in range(seconds):
            self.clock.advance(s=1)
            self.call(duration_ns)
            self.watch.tick()

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(notice.key, notice.kind.value) for notice in self.told]


@pytest.fixture
def program_on() -> type[Program]:
    return Program
