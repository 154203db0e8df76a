"""A process that can be watched: this one, on a simulated clock, with its socket in a folder of the test."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import latency_kit
from latency_kit.budget import parse_policy
from latency_kit.live.place import FOLDER_VARIABLE
from latency_kit.testing import FakeClock

POLICY = """
[budgets.price]
measures = "shop.price"
limit_ms = 10
min_samples = 2

[objectives.price]
measures = "shop.price"
threshold_ms = 10
target = 0.95
window = "1h"
min_events = 2
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Not pytest's folder: the name of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="lk") as short:
        monkeypatch.setenv(FOLDER_VARIABLE, f"{short}/live")
        yield Path(short) / "live"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def telemetry(folder: Path, clock: FakeClock) -> Iterator[latency_kit.Telemetry]:
    policy = parse_policy(POLICY, source="test")
    with latency_kit.configure(
        service_name="shop", budgets=policy, alerts=(), live=True, in_flight=True, clock=clock
    ) as configured:
        yield configured


def call(clock: FakeClock, *, ms: float) -> None:
    with latency_kit.measure_latency("shop", "price"):
        clock.advance(ms=ms)
