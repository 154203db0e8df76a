"""Shared by the tests of the export: recorded distributions whose exact truth is known, and small doubles."""

import math
import os
import random
from collections.abc import Callable

import pytest

from latency_kit.histogram import Histogram, HistogramSnapshot
from latency_kit.measurement.losses import Losses

Values = list[int]
HOUR_NS = 3_600_000_000_000


def snapshot_of(values: Values) -> HistogramSnapshot:
    """Record values and return their snapshot."""
    histogram = Histogram()
    histogram.record_many(values)
    return histogram.snapshot()


def _values(name: str) -> Values:
    draw = random.Random(20240607)  # noqa: S311  # a fixed seed: the same values in every run
    by_name: dict[str, Callable[[], Values]] = {
        "constant": lambda: [7_000_000] * 1000,
        "single value": lambda: [123_456_789],
        "uniform": lambda: [draw.randrange(1_000_000, 50_000_000) for _ in range(5000)],
        "log-normal": lambda: [int(draw.lognormvariate(math.log(5e6), 1.0)) for _ in range(5000)],
        "bimodal": lambda: [
            int(draw.gauss(2e6, 1e5) if draw.random() < 0.8 else draw.gauss(9e8, 1e7)) for _ in range(5000)
        ],
        "heavy-tailed": lambda: [min(int(1e5 * draw.paretovariate(0.7)), HOUR_NS) for _ in range(5000)],
        "with zeros": lambda: [0, 0, 0, *range(1, 2000)],
    }
    return by_name[name]()


DISTRIBUTIONS = (
    "constant",
    "single value",
    "uniform",
    "log-normal",
    "bimodal",
    "heavy-tailed",
    "with zeros",
)


@pytest.fixture(params=DISTRIBUTIONS)
def recorded(request: pytest.FixtureRequest) -> Values:
    """Nanoseconds of one of the named distributions."""
    return _values(request.param)


@pytest.fixture
def snapshot() -> Callable[[Values], HistogramSnapshot]:
    """Turn values into the snapshot of a histogram that recorded them."""
    return snapshot_of


@pytest.fixture
def losses() -> Losses:
    """Counters of losses that nothing else shares."""
    return Losses()


@pytest.fixture(autouse=True)
def _no_otel_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the machine's environment says about telemetry."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
