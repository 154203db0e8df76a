"""Budgets, series of exact durations, and measurements with chosen values, for the tests of budgets."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from latency_kit.budget import LatencyBudget
from latency_kit.measurement.measurement import Measurement, Outcome
from latency_kit.testing import FakeClock

NS_PER_MS = 1_000_000


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
